use crate::{Level::*, Requirement, Rfc, Shown};

pub(crate) const RFC: Rfc = Rfc {
    number: 8201,
    title: "Path MTU Discovery for IPv6",
    requirements: &[
        Requirement {
            section: "4",
            level: Must,
            words: "less than 1,280 bytes is not believed, and an error makes a path never larger",
            shown: Shown::By("src/internet/path_mtu.rs", "errors_make_it_smaller_and_never_larger"),
        },
        Requirement {
            section: "5.3",
            level: Should,
            words: "what is ten minutes old is forgotten",
            shown: Shown::By("src/internet/path_mtu.rs", "what_is_ten_minutes_old_is_forgotten"),
        },
    ],
};
