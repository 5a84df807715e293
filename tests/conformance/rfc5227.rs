use crate::{Level::*, Requirement, Rfc, Shown};

pub(crate) const RFC: Rfc = Rfc {
    number: 5227,
    title: "IPv4 Address Conflict Detection",
    requirements: &[
        Requirement {
            section: "2.1",
            level: Must,
            words: "an address is probed before it is used",
            shown: Shown::By("tests/host/addresses.rs", "an_address_is_not_used_before_nobody_is_found_to_have_it"),
        },
        Requirement {
            section: "2.4",
            level: Must,
            words: "a conflict is noticed, and the address defended now and then",
            shown: Shown::By("tests/host/addresses.rs", "who_was_there_first_defends_now_and_then"),
        },
    ],
};
