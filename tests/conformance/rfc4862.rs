use crate::{Level::*, Requirement, Rfc, Shown};

pub(crate) const RFC: Rfc = Rfc {
    number: 4862,
    title: "IPv6 Stateless Address Autoconfiguration",
    requirements: &[
        Requirement {
            section: "5.4",
            level: Must,
            words: "an address is not used before nobody is found to have it",
            shown: Shown::By("tests/host/addresses.rs", "an_address_is_not_used_before_nobody_is_found_to_have_it"),
        },
        Requirement {
            section: "5.4.3",
            level: Must,
            words: "two who want one address at the same time both hear of it",
            shown: Shown::By("tests/host/addresses.rs", "the_newcomer_yields"),
        },
        Requirement {
            section: "5.5",
            level: Must,
            words: "prefixes that routers advertise make addresses",
            shown: Shown::Not("not done yet"),
        },
    ],
};
