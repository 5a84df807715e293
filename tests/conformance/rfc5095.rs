use crate::{Level::*, Requirement, Rfc, Shown};

pub(crate) const RFC: Rfc = Rfc {
    number: 5095,
    title: "Deprecation of Type 0 Routing Headers",
    requirements: &[Requirement {
        section: "3",
        level: Must,
        words: "type 0 is treated like a type that is not known",
        shown: Shown::By("tests/host/extension.rs", "nobody_routes_through_us"),
    }],
};
