use crate::{Level::*, Requirement, Rfc, Shown};

pub(crate) const RFC: Rfc = Rfc {
    number: 6864,
    title: "Updated Specification of the IPv4 ID Field",
    requirements: &[Requirement {
        section: "4.1",
        level: Must,
        words: "datagrams that may be cut have names that do not repeat soon",
        shown: Shown::By("tests/host/fragments.rs", "names_of_what_is_cut_are_not_those_of_others"),
    }],
};
