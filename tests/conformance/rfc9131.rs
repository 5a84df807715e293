use crate::{Level::*, Requirement, Rfc, Shown};

pub(crate) const RFC: Rfc = Rfc {
    number: 9131,
    title: "Gratuitous Neighbor Discovery",
    requirements: &[
        Requirement {
            section: "4.1",
            level: Should,
            words: "routers are told of an address when it can be used, without override",
            shown: Shown::By("tests/host/discovery.rs", "an_address_follows_from_a_prefix"),
        },
        Requirement {
            section: "4.1",
            level: Should,
            words: "not of one that is of the link alone",
            shown: Shown::By("tests/host/addresses.rs", "an_address_is_not_used_before_nobody_is_found_to_have_it"),
        },
        Requirement {
            section: "4.1",
            level: Should,
            words: "also of an address that is used without being probed",
            shown: Shown::Not("--no-probe says that nobody is to be bothered at the start"),
        },
    ],
};
