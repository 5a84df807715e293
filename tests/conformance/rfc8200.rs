use crate::{Level::*, Requirement, Rfc, Shown};

pub(crate) const RFC: Rfc = Rfc {
    number: 8200,
    title: "Internet Protocol, Version 6",
    requirements: &[
        Requirement {
            section: "3",
            level: Must,
            words: "a header of another version or beyond its frame is dropped",
            shown: Shown::By("tests/host/bad_ip.rs", "a_header_of_the_other_version_is_dropped"),
        },
        Requirement {
            section: "4",
            level: Must,
            words: "an unknown next header is told with its pointer",
            shown: Shown::By("tests/host/extension.rs", "a_chain_ends_where_it_has_to"),
        },
        Requirement {
            section: "4.1",
            level: Must,
            words: "extension headers are taken in any order, any number of times",
            shown: Shown::By("tests/host/extension.rs", "a_datagram_behind_extension_headers_is_answered_without_them"),
        },
        Requirement {
            section: "4.1",
            level: Must,
            words: "hop-by-hop options come directly behind the IPv6 header only",
            shown: Shown::By("tests/host/extension.rs", "a_chain_ends_where_it_has_to"),
        },
        Requirement {
            section: "4.2",
            level: Must,
            words: "the two high bits of an unknown option say what to do",
            shown: Shown::By("tests/host/extension.rs", "an_unknown_option_says_itself_what_becomes_of_the_packet"),
        },
        Requirement {
            section: "4.4",
            level: Must,
            words: "an unknown routing header with segments left is pointed at, one without is passed over",
            shown: Shown::By("tests/host/extension.rs", "nobody_routes_through_us"),
        },
        Requirement {
            section: "4.5",
            level: Must,
            words: "sender, receiver and identification name a datagram",
            shown: Shown::By("tests/host/fragments.rs", "fragments_of_many_datagrams_do_not_mix"),
        },
        Requirement {
            section: "4.5",
            level: Must,
            words: "60 s after the first fragment that came what is not whole is dropped, and its sender told",
            shown: Shown::By("tests/host/fragments.rs", "the_sender_hears_of_a_datagram_that_was_not_whole_in_time"),
        },
        Requirement {
            section: "4.5",
            level: Must,
            words: "an uneven fragment, and one that makes the packet too large, are pointed at",
            shown: Shown::By("tests/host/fragments.rs", "fragments_that_cannot_be_are_pointed_at"),
        },
        Requirement {
            section: "4.5",
            level: Must,
            words: "the headers in front are those of the first fragment",
            shown: Shown::By("tests/host/fragments.rs", "what_is_behind_options_or_extension_headers_becomes_whole"),
        },
        Requirement {
            section: "4.5",
            level: May,
            words: "the same fragment again changes nothing",
            shown: Shown::By("tests/host/fragments.rs", "the_same_fragment_again_changes_nothing"),
        },
        Requirement {
            section: "4.7",
            level: Must,
            words: "nothing follows a next header of 59",
            shown: Shown::By("tests/host/extension.rs", "a_chain_ends_where_it_has_to"),
        },
        Requirement {
            section: "5",
            level: Must,
            words: "what a path does not take is cut by its sender",
            shown: Shown::By("tests/host/routers.rs", "datagrams_that_a_path_does_not_take_are_cut_or_dropped_by_name"),
        },
        Requirement {
            section: "5",
            level: Must,
            words: "packets of 1,500 bytes become whole",
            shown: Shown::By("tests/host/fragments.rs", "echoes_and_datagrams_of_every_size_come_back"),
        },
        Requirement {
            section: "8.1",
            level: Must,
            words: "UDP without a checksum is dropped",
            shown: Shown::By("tests/host/udp.rs", "a_datagram_without_checksum_is_answered_with_one_over_ipv4_only"),
        },
    ],
};
