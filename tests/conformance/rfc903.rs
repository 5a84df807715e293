use crate::{Level::*, Requirement, Rfc, Shown};

pub(crate) const RFC: Rfc = Rfc {
    number: 903,
    title: "A Reverse Address Resolution Protocol",
    requirements: &[
        Requirement {
            section: "",
            level: Must,
            words: "a server answers who is in its table",
            shown: Shown::By("tests/host/arp.rs", "a_diskless_station_is_told_its_address"),
        },
        Requirement {
            section: "",
            level: Must,
            words: "a client asks until it is told",
            shown: Shown::By("tests/host/addresses.rs", "a_diskless_host_asks_until_it_is_told"),
        },
    ],
};
