use crate::{Level::*, Requirement, Rfc, Shown};

pub(crate) const RFC: Rfc = Rfc {
    number: 1122,
    title: "Requirements for Internet Hosts, communication layers",
    requirements: &[
        Requirement {
            section: "3.2.1.3",
            level: Must,
            words: "a packet whose source is no single host is dropped",
            shown: Shown::By("tests/host/bad_ip.rs", "a_source_is_one_other_host"),
        },
        Requirement {
            section: "3.2.1.8",
            level: Must,
            words: "options that are not known are ignored",
            shown: Shown::By("tests/host/echo.rs", "options_are_not_sent_back"),
        },
        Requirement {
            section: "3.2.1.8(c)",
            level: May,
            words: "source routes are refused (RFC 7126)",
            shown: Shown::By("tests/host/echo.rs", "options_are_not_sent_back"),
        },
        Requirement {
            section: "3.2.2",
            level: Must,
            words: "no error is sent about an error",
            shown: Shown::By("tests/host/errors.rs", "there_is_no_error_about_an_error"),
        },
        Requirement {
            section: "3.2.2",
            level: Must,
            words: "nor about what went to a group",
            shown: Shown::By("tests/host/errors.rs", "there_is_no_error_about_what_went_to_a_group"),
        },
        Requirement {
            section: "3.2.2.6",
            level: Must,
            words: "echo requests are answered",
            shown: Shown::By("tests/host/echo.rs", "echoes_of_every_size_come_back"),
        },
        Requirement {
            section: "3.2.2.6",
            level: May,
            words: "those to a broadcast or multicast are not",
            shown: Shown::By("tests/host/echo.rs", "a_group_is_answered_by_one_host_or_not_at_all"),
        },
        Requirement {
            section: "3.2.2.6",
            level: Should,
            words: "record route and timestamp go into the reply with us in them",
            shown: Shown::By("tests/host/echo.rs", "options_that_record_come_back_with_us_in_them"),
        },
        Requirement {
            section: "3.2.2.8",
            level: May,
            words: "timestamp requests are answered",
            shown: Shown::By("tests/host/echo.rs", "who_asks_for_the_time_is_told"),
        },
        Requirement {
            section: "3.3.2",
            level: Must,
            words: "datagrams are reassembled, of at least 576 bytes",
            shown: Shown::By("tests/host/fragments.rs", "echoes_and_datagrams_of_every_size_come_back"),
        },
        Requirement {
            section: "3.3.2",
            level: Must,
            words: "after 60 to 120 s what is not whole is dropped, and its sender told if the first fragment came",
            shown: Shown::By("tests/host/fragments.rs", "the_sender_hears_of_a_datagram_that_was_not_whole_in_time"),
        },
        Requirement {
            section: "3.3.6",
            level: Should,
            words: "one host's packet in a group's frame is dropped",
            shown: Shown::By("tests/host/bad_ip.rs", "one_hosts_packet_in_a_groups_frame_is_dropped"),
        },
        Requirement {
            section: "3.2.2.2",
            level: Must,
            words: "a redirect is from the router in use, leads to a neighbour, and quotes what we sent; or it is dropped",
            shown: Shown::By("tests/host/redirects.rs", "forged_redirects_are_refused"),
        },
        Requirement {
            section: "3.3.1.5",
            level: Must,
            words: "a way that was redirected and does not answer is given up",
            shown: Shown::By("tests/host/redirects.rs", "a_way_that_does_not_answer_is_given_up"),
        },
    ],
};
