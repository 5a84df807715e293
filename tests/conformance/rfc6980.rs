use crate::{Level::*, Requirement, Rfc, Shown};

pub(crate) const RFC: Rfc = Rfc {
    number: 6980,
    title: "Security Implications of IPv6 Fragmentation with NDP",
    requirements: &[
        Requirement {
            section: "5",
            level: Must,
            words: "neighbour discovery in fragments is ignored",
            shown: Shown::By("tests/host/fragments.rs", "neighbour_discovery_is_never_fragmented"),
        },
        Requirement {
            section: "5",
            level: Must,
            words: "also in one fragment",
            shown: Shown::By("tests/host/ndp.rs", "neighbour_discovery_behind_a_fragment_header_is_ignored"),
        },
    ],
};
