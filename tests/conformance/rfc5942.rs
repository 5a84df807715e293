use crate::{Level::*, Requirement, Rfc, Shown};

const FILE: &str = "tests/host/discovery.rs";

pub(crate) const RFC: Rfc = Rfc {
    number: 5942,
    title: "IPv6 Subnet Model: Links and Subnet Prefixes",
    requirements: &[
        Requirement {
            section: "4, rule 1",
            level: Must,
            words: "an address of ours says nothing of who is on the link; a prefix with its flag does",
            shown: Shown::By(FILE, "only_a_prefix_says_who_is_on_the_link"),
        },
        Requirement {
            section: "4, rule 2",
            level: Must,
            words: "without a default router nobody is taken for a neighbour for that",
            shown: Shown::By(FILE, "only_a_prefix_says_who_is_on_the_link"),
        },
        Requirement {
            section: "4, rule 1",
            level: Must,
            words: "a configured address implies no prefix on the link",
            shown: Shown::Not(
                "who writes --address fd77::2/64 configures the prefix with it; /128 configures the address alone",
            ),
        },
    ],
};
