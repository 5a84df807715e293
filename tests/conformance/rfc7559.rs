use crate::{Level::*, Requirement, Rfc, Shown};

const FILE: &str = "tests/host/discovery.rs";

pub(crate) const RFC: Rfc = Rfc {
    number: 7559,
    title: "Packet-Loss Resiliency for Router Solicitations",
    requirements: &[
        Requirement {
            section: "2",
            level: Must,
            words: "solicitations are sent 4 s, 8 s, 16 s … apart, each a tenth more or less",
            shown: Shown::By(FILE, "routers_are_asked_for_less_and_less_often_until_one_is_there"),
        },
        Requirement {
            section: "2",
            level: Must,
            words: "they go on, an hour apart at most",
            shown: Shown::By(FILE, "asking_for_routers_never_ends"),
        },
        Requirement {
            section: "2.1",
            level: Must,
            words: "an advertisement with a router lifetime ends them, one without does not",
            shown: Shown::By(FILE, "routers_are_asked_for_less_and_less_often_until_one_is_there"),
        },
    ],
};
