use crate::{Level::*, Requirement, Rfc, Shown};

pub(crate) const RFC: Rfc = Rfc {
    number: 3168,
    title: "Explicit Congestion Notification",
    requirements: &[Requirement {
        section: "5.3",
        level: Must,
        words: "one mark of congestion marks the reassembled datagram",
        shown: Shown::By("tests/host/fragments.rs", "congestion_of_a_fragment_is_that_of_the_datagram"),
    }],
};
