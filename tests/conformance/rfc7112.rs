use crate::{Level::*, Requirement, Rfc, Shown};

pub(crate) const RFC: Rfc = Rfc {
    number: 7112,
    title: "Implications of Oversized IPv6 Header Chains",
    requirements: &[Requirement {
        section: "5",
        level: Should,
        words: "a first fragment without the whole chain is dropped, and its sender told with code 3",
        shown: Shown::By("tests/host/fragments.rs", "a_first_fragment_holds_the_whole_chain"),
    }],
};
