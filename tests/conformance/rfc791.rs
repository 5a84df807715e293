use crate::{Level::*, Requirement, Rfc, Shown};

pub(crate) const RFC: Rfc = Rfc {
    number: 791,
    title: "Internet Protocol",
    requirements: &[
        Requirement {
            section: "3.1",
            level: Must,
            words: "a header whose version, length or total length cannot be is dropped",
            shown: Shown::By("tests/host/bad_ip.rs", "a_header_that_lies_about_itself_is_dropped"),
        },
        Requirement {
            section: "3.1",
            level: Must,
            words: "an option may come without being answered for, and the packet is taken",
            shown: Shown::By("tests/host/echo.rs", "options_are_not_sent_back"),
        },
        Requirement {
            section: "3.1",
            level: Must,
            words: "record route: our address goes where the pointer says, and nothing when it is full",
            shown: Shown::By("src/internet/options.rs", "what_records_gets_us_and_all_else_is_blanked"),
        },
        Requirement {
            section: "3.1",
            level: Must,
            words: "timestamp: address and time where the pointer says; who finds no room counts",
            shown: Shown::By("src/internet/options.rs", "what_records_gets_us_and_all_else_is_blanked"),
        },
        Requirement {
            section: "3.1",
            level: May,
            words: "an option that cannot be is told with a pointer to its byte",
            shown: Shown::By("src/internet/options.rs", "options_that_cannot_be_are_pointed_at"),
        },
        Requirement {
            section: "3.2",
            level: Must,
            words: "sender, receiver, protocol and identification name a datagram",
            shown: Shown::By("tests/host/fragments.rs", "fragments_of_many_datagrams_do_not_mix"),
        },
        Requirement {
            section: "3.2",
            level: Must,
            words: "fragments are put together in whatever order they come",
            shown: Shown::By("tests/host/fragments.rs", "the_order_does_not_matter"),
        },
        Requirement {
            section: "3.2",
            level: Must,
            words: "datagrams of up to 65,535 bytes become whole",
            shown: Shown::By("tests/host/fragments.rs", "echoes_and_datagrams_of_every_size_come_back"),
        },
        Requirement {
            section: "3.2",
            level: Must,
            words: "a fragment that reaches beyond the largest datagram is dropped",
            shown: Shown::By("tests/host/bad_ip.rs", "a_fragment_that_cannot_be_is_dropped"),
        },
        Requirement {
            section: "3.2",
            level: Must,
            words: "what must not be fragmented is not",
            shown: Shown::By("tests/host/routers.rs", "datagrams_that_a_path_does_not_take_are_cut_or_dropped_by_name"),
        },
    ],
};
