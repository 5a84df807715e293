use crate::{Level::*, Requirement, Rfc, Shown};

pub(crate) const RFC: Rfc = Rfc {
    number: 5722,
    title: "Handling of Overlapping IPv6 Fragments",
    requirements: &[Requirement {
        section: "4",
        level: Must,
        words: "an overlap drops the datagram and all fragments of it, also those to come; in IPv4 likewise",
        shown: Shown::By("tests/host/fragments.rs", "an_overlap_drops_the_whole_datagram_and_the_rest_of_it"),
    }],
};
