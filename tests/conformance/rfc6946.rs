use crate::{Level::*, Requirement, Rfc, Shown};

pub(crate) const RFC: Rfc = Rfc {
    number: 6946,
    title: "Processing of IPv6 Atomic Fragments",
    requirements: &[Requirement {
        section: "4",
        level: Must,
        words: "an atomic fragment is a packet of its own, whatever waits under its name",
        shown: Shown::By("tests/host/fragments.rs", "an_atomic_fragment_waits_for_nothing"),
    }],
};
