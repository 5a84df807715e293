use crate::{Level::*, Requirement, Rfc, Shown};

pub(crate) const RFC: Rfc = Rfc {
    number: 826,
    title: "An Ethernet Address Resolution Protocol",
    requirements: &[
        Requirement {
            section: "Packet Reception",
            level: Must,
            words: "a request for our address is answered",
            shown: Shown::By("tests/host/arp.rs", "a_request_for_our_address_is_answered"),
        },
        Requirement {
            section: "Packet Reception",
            level: Must,
            words: "what is for somebody else is not",
            shown: Shown::By("tests/host/arp.rs", "a_request_for_somebody_else_is_not"),
        },
        Requirement {
            section: "Packet Reception",
            level: Must,
            words: "an entry that there is is updated, and none is made, by what is not for us",
            shown: Shown::By(
                "tests/host/arp.rs",
                "a_gratuitous_announcement_updates_what_is_known_and_creates_nothing",
            ),
        },
    ],
};
