use crate::{Level::*, Requirement, Rfc, Shown};

pub(crate) const RFC: Rfc = Rfc {
    number: 8504,
    title: "IPv6 Node Requirements",
    requirements: &[
        Requirement {
            section: "5.3",
            level: May,
            words: "options and the length of the chain are limited",
            shown: Shown::By("tests/host/extension.rs", "more_than_is_walked_is_pointed_at"),
        },
        Requirement {
            section: "5.3",
            level: May,
            words: "padding is limited to seven bytes in a row",
            shown: Shown::Not("not done: it costs less than the same bytes of data"),
        },
    ],
};
