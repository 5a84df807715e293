use crate::{Level::*, Requirement, Rfc, Shown};

pub(crate) const RFC: Rfc = Rfc {
    number: 9776,
    title: "Internet Group Management Protocol, Version 3 (hosts)",
    requirements: &[
        Requirement {
            section: "3.2",
            level: Must,
            words: "packets for a group are taken from the sources that its filter lets through",
            shown: Shown::By("tests/host/multicast.rs", "datagrams_for_a_group_come_from_sources_that_are_wanted"),
        },
        Requirement {
            section: "4",
            level: Must,
            words: "messages leave with TTL 1, precedence 0xc0 and a router alert",
            shown: Shown::By("tests/host/multicast.rs", "joining_and_leaving_are_told_twice_within_a_second"),
        },
        Requirement {
            section: "4.1",
            level: Must,
            words: "a message whose checksum is wrong or that is too short is ignored",
            shown: Shown::By("tests/wire/membership.rs", "messages_that_cannot_be_are_refused"),
        },
        Requirement {
            section: "4.1.1, 4.1.7",
            level: Must,
            words: "codes of 128 and more are mantissa and exponent",
            shown: Shown::By("src/wire/membership.rs", "codes_are_numbers_or_mantissa_and_exponent"),
        },
        Requirement {
            section: "4.2.17",
            level: Must,
            words: "what does not fit into a report goes into several",
            shown: Shown::By("tests/host/multicast.rs", "groups_and_sources_are_bounded"),
        },
        Requirement {
            section: "5",
            level: Must,
            words: "nothing is said of 224.0.0.1",
            shown: Shown::By("tests/host/multicast.rs", "what_no_router_may_hear_of_is_not_told"),
        },
        Requirement {
            section: "5.1",
            level: Must,
            words: "a change is told at once and again, as often as the robustness variable says",
            shown: Shown::By("tests/host/multicast.rs", "joining_and_leaving_are_told_twice_within_a_second"),
        },
        Requirement {
            section: "5.1",
            level: Must,
            words: "a change of sources is told by what differs",
            shown: Shown::By("tests/host/multicast.rs", "changes_of_sources_are_told_by_what_differs"),
        },
        Requirement {
            section: "5.1",
            level: Must,
            words: "another change is merged with what was not told often enough",
            shown: Shown::By("src/internet/multicast/group.rs", "a_change_joins_one_that_was_not_told_often_enough"),
        },
        Requirement {
            section: "5.2",
            level: Must,
            words: "a question is answered after a delay drawn at random from what it allows",
            shown: Shown::By("tests/host/multicast.rs", "questions_are_answered_within_their_time"),
        },
        Requirement {
            section: "5.2",
            level: Must,
            words: "questions of one group that wait are answered together, at the earliest time",
            shown: Shown::By("src/internet/multicast/group.rs", "questions_are_joined_at_the_earliest_time"),
        },
        Requirement {
            section: "5.2",
            level: Must,
            words: "an answer about sources says those that are wanted, or nothing when none is",
            shown: Shown::By("src/internet/multicast/group.rs", "answers_say_what_was_asked"),
        },
        Requirement {
            section: "7.1",
            level: Must,
            words: "the version of a query follows from its length and code; other lengths are ignored",
            shown: Shown::By("tests/wire/membership.rs", "the_version_of_an_igmp_query_follows_from_length_and_code"),
        },
        Requirement {
            section: "7.2.1",
            level: Must,
            words: "routers of old versions are answered in theirs",
            shown: Shown::By("tests/host/multicast.rs", "routers_of_old_versions_are_answered_in_theirs"),
        },
        Requirement {
            section: "7.2.1, 8.12",
            level: Must,
            words: "until none was heard for the older version querier present timeout",
            shown: Shown::By("tests/host/multicast.rs", "the_current_version_comes_back_when_old_routers_are_gone"),
        },
        Requirement {
            section: "7.2.2",
            level: May,
            words: "in an old version, another host's report makes ours unnecessary",
            shown: Shown::By("tests/host/multicast.rs", "who_hears_another_report_of_an_old_version_is_silent"),
        },
        Requirement {
            section: "9.1",
            level: Should,
            words: "queries without router alert, or about all groups but not to 224.0.0.1, are ignored",
            shown: Shown::By("tests/host/multicast.rs", "questions_from_elsewhere_are_not_answered"),
        },
        Requirement {
            section: "3.1, 3.2",
            level: Must,
            words: "filters of several sockets are merged into that of the interface",
            shown: Shown::By("tests/host/multicast.rs", "what_several_ports_want_is_merged"),
        },
        Requirement {
            section: "4.2.13",
            level: Should,
            words: "of a source-specific group no sources are excluded: who asks for that is refused",
            shown: Shown::By("tests/host/multicast.rs", "no_source_of_a_source_specific_group_is_excluded"),
        },
        Requirement {
            section: "7.2.2",
            level: Must,
            words: "a report of an old version does not make ours of a source-specific group unnecessary",
            shown: Shown::By("tests/host/multicast.rs", "a_source_specific_group_is_not_spoken_for"),
        },
    ],
};
