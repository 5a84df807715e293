use crate::{Level::*, Requirement, Rfc, Shown};

pub(crate) const RFC: Rfc = Rfc {
    number: 9777,
    title: "Multicast Listener Discovery Version 2 (listeners)",
    requirements: &[
        Requirement {
            section: "4.2",
            level: Must,
            words: "packets for a group are taken from the sources that its filter lets through",
            shown: Shown::By("tests/host/multicast.rs", "datagrams_for_a_group_come_from_sources_that_are_wanted"),
        },
        Requirement {
            section: "5",
            level: Must,
            words: "messages leave from a link-local address with hop limit 1 and a router alert",
            shown: Shown::By("tests/host/multicast.rs", "joining_and_leaving_are_told_twice_within_a_second"),
        },
        Requirement {
            section: "5.1.3",
            level: Must,
            words: "codes of 32,768 and more are mantissa and exponent",
            shown: Shown::By("src/wire/membership.rs", "codes_are_numbers_or_mantissa_and_exponent"),
        },
        Requirement {
            section: "6",
            level: Must,
            words: "nothing is said of ff02::1, nor of groups of scope 0 and 1",
            shown: Shown::By("tests/host/multicast.rs", "what_no_router_may_hear_of_is_not_told"),
        },
        Requirement {
            section: "6",
            level: Must,
            words: "solicited-node groups are told as all others",
            shown: Shown::By("tests/host/multicast.rs", "groups_of_our_own_addresses_are_told"),
        },
        Requirement {
            section: "6.1",
            level: Must,
            words: "a change is told at once and again, as often as the robustness variable says",
            shown: Shown::By("tests/host/multicast.rs", "joining_and_leaving_are_told_twice_within_a_second"),
        },
        Requirement {
            section: "6.1",
            level: Must,
            words: "a change of sources is told by what differs, merged with what was not told often enough",
            shown: Shown::By("tests/host/multicast.rs", "changes_of_sources_are_told_by_what_differs"),
        },
        Requirement {
            section: "6.2",
            level: Must,
            words: "queries that are not link-local, have another hop limit or no router alert are dropped",
            shown: Shown::By("tests/host/multicast.rs", "questions_from_elsewhere_are_not_answered"),
        },
        Requirement {
            section: "6.2",
            level: Must,
            words: "a question is answered after a delay drawn at random from what it allows",
            shown: Shown::By("tests/host/multicast.rs", "questions_are_answered_within_their_time"),
        },
        Requirement {
            section: "8.1",
            level: Must,
            words: "the version of a query follows from its length; other lengths are ignored",
            shown: Shown::By("tests/wire/membership.rs", "the_version_of_an_mld_query_follows_from_its_length"),
        },
        Requirement {
            section: "8.2.1",
            level: Must,
            words: "routers of version 1 are answered in theirs",
            shown: Shown::By("tests/host/multicast.rs", "routers_of_old_versions_are_answered_in_theirs"),
        },
        Requirement {
            section: "8.2.1, 9.12",
            level: Must,
            words: "until none was heard for the older version querier present timeout",
            shown: Shown::By("tests/host/multicast.rs", "the_current_version_comes_back_when_old_routers_are_gone"),
        },
        Requirement {
            section: "8.2.2",
            level: May,
            words: "in version 1, another host's report makes ours unnecessary",
            shown: Shown::By("tests/host/multicast.rs", "who_hears_another_report_of_an_old_version_is_silent"),
        },
        Requirement {
            section: "4.1, 4.2",
            level: Must,
            words: "filters of several sockets are merged into that of the interface",
            shown: Shown::By("tests/host/multicast.rs", "what_several_ports_want_is_merged"),
        },
        Requirement {
            section: "5.2.13",
            level: Should,
            words: "of a source-specific group no sources are excluded: who asks for that is refused",
            shown: Shown::By("tests/host/multicast.rs", "no_source_of_a_source_specific_group_is_excluded"),
        },
        Requirement {
            section: "8.2.2",
            level: Must,
            words: "a report of an old version does not make ours of a source-specific group unnecessary",
            shown: Shown::By("tests/host/multicast.rs", "a_source_specific_group_is_not_spoken_for"),
        },
    ],
};
