use crate::{Level::*, Requirement, Rfc, Shown};

pub(crate) const RFC: Rfc = Rfc {
    number: 8883,
    title: "ICMPv6 Errors for Discarding Packets Due to Processing Limits",
    requirements: &[Requirement {
        section: "2",
        level: May,
        words: "too many headers or options, and too long a chain, are told with codes of their own",
        shown: Shown::By("tests/host/extension.rs", "more_than_is_walked_is_pointed_at"),
    }],
};
