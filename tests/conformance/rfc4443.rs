use crate::{Level::*, Requirement, Rfc, Shown};

pub(crate) const RFC: Rfc = Rfc {
    number: 4443,
    title: "ICMPv6",
    requirements: &[
        Requirement {
            section: "2.4(c)",
            level: Must,
            words: "an error quotes as much as fits into 1,280 bytes",
            shown: Shown::By("tests/host/errors.rs", "a_port_where_nobody_listens_is_unreachable"),
        },
        Requirement {
            section: "2.4(e)",
            level: Must,
            words: "no error is sent about an error",
            shown: Shown::By("tests/host/errors.rs", "there_is_no_error_about_an_error"),
        },
        Requirement {
            section: "2.4(e.3)",
            level: Must,
            words: "nor about what went to a group, but for an option that asks for it",
            shown: Shown::By("tests/host/extension.rs", "an_unknown_option_says_itself_what_becomes_of_the_packet"),
        },
        Requirement {
            section: "2.4(f)",
            level: Must,
            words: "errors are limited, for each destination and in all",
            shown: Shown::By("tests/host/errors.rs", "errors_are_limited_and_the_limit_recovers"),
        },
        Requirement {
            section: "3.1",
            level: Should,
            words: "a port where nobody listens is told",
            shown: Shown::By("tests/host/errors.rs", "a_port_where_nobody_listens_is_unreachable"),
        },
        Requirement {
            section: "3.3",
            level: Should,
            words: "code 1 about a datagram that was not whole in time",
            shown: Shown::By("tests/host/fragments.rs", "the_sender_hears_of_a_datagram_that_was_not_whole_in_time"),
        },
        Requirement {
            section: "3.4",
            level: Must,
            words: "the pointer is that of the field that is wrong",
            shown: Shown::By("tests/host/extension.rs", "an_option_over_the_end_is_pointed_at"),
        },
        Requirement {
            section: "3.4",
            level: Should,
            words: "an unknown next header is pointed at",
            shown: Shown::By("tests/host/errors.rs", "a_protocol_that_we_do_not_speak_is_unreachable"),
        },
        Requirement {
            section: "4.2",
            level: Must,
            words: "an echo request is answered, one to a group from a single address",
            shown: Shown::By("tests/host/echo.rs", "a_group_is_answered_by_one_host_or_not_at_all"),
        },
    ],
};
