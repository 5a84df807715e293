use crate::{Level::*, Requirement, Rfc, Shown};

const FILE: &str = "tests/host/discovery.rs";

pub(crate) const RFC: Rfc = Rfc {
    number: 8106,
    title: "IPv6 Router Advertisement Options for DNS",
    requirements: &[
        Requirement {
            section: "5.1",
            level: Must,
            words: "servers are remembered for their lifetime, and zero ends it",
            shown: Shown::By(FILE, "name_servers_are_remembered_while_they_live"),
        },
        Requirement {
            section: "5.1, 5.2",
            level: Must,
            words: "options of lengths that cannot be are ignored",
            shown: Shown::By("src/wire/router.rs", "servers_are_whole_addresses"),
        },
        Requirement {
            section: "5.2",
            level: Must,
            words: "a search list is read as far as its names can be",
            shown: Shown::By("src/wire/router.rs", "names_end_where_they_cannot_be"),
        },
        Requirement {
            section: "5.3.1",
            level: Should,
            words: "a few servers are kept, and no flood of others takes more room",
            shown: Shown::By(FILE, "name_servers_are_remembered_while_they_live"),
        },
        Requirement {
            section: "6.1",
            level: Should,
            words: "names are looked up there",
            shown: Shown::Not("nothing here looks names up yet: they are told on stderr"),
        },
    ],
};
