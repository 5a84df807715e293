use crate::{Level::*, Requirement, Rfc, Shown};

pub(crate) const RFC: Rfc = Rfc {
    number: 7739,
    title: "Security Implications of Predictable Fragment Identification Values",
    requirements: &[Requirement {
        section: "4",
        level: Should,
        words: "names are not predictable from those that others see",
        shown: Shown::By("tests/host/fragments.rs", "names_of_what_is_cut_are_not_those_of_others"),
    }],
};
