use crate::{Level::*, Requirement, Rfc, Shown};

const FILE: &str = "src/internet/slaac.rs";

pub(crate) const RFC: Rfc = Rfc {
    number: 7217,
    title: "Semantically Opaque Interface Identifiers",
    requirements: &[
        Requirement {
            section: "4",
            level: Must,
            words: "the identifier in a prefix stays the same, also after a restart",
            shown: Shown::By("tests/peers/auto.rs", "radvd_gives_an_address_and_a_way_and_takes_the_way_back"),
        },
        Requirement {
            section: "4, 5",
            level: Must,
            words: "another prefix, interface, counter or secret gives another identifier",
            shown: Shown::By(FILE, "identifiers_are_stable_and_of_one_network"),
        },
        Requirement {
            section: "5",
            level: Must,
            words: "identifiers that are reserved are not used (RFC 5453)",
            shown: Shown::By(FILE, "reserved_identifiers_are_not_used"),
        },
        Requirement {
            section: "6",
            level: Should,
            words: "an address that somebody has is made anew, three times at most",
            shown: Shown::By("tests/host/discovery.rs", "an_address_that_is_taken_is_made_anew"),
        },
        Requirement {
            section: "4",
            level: Should,
            words: "the link-local address has such an identifier, too",
            shown: Shown::Not(
                "it follows from the Ethernet address, which is opaque and stable itself unless --mac is given",
            ),
        },
    ],
};
