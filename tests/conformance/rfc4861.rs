use crate::{Level::*, Requirement, Rfc, Shown};

pub(crate) const RFC: Rfc = Rfc {
    number: 4861,
    title: "Neighbor Discovery for IPv6",
    requirements: &[
        Requirement {
            section: "7.1",
            level: Must,
            words: "what a router may have passed on is dropped",
            shown: Shown::By("tests/host/ndp.rs", "what_a_router_may_have_passed_on_is_dropped"),
        },
        Requirement {
            section: "7.1",
            level: Must,
            words: "messages that cannot be are dropped",
            shown: Shown::By("tests/host/ndp.rs", "impossible_messages_are_dropped"),
        },
        Requirement {
            section: "7.2.2",
            level: Must,
            words: "packets wait for their neighbour, within bounds",
            shown: Shown::By("tests/host/neighbors.rs", "an_answer_waits_for_its_neighbour"),
        },
        Requirement {
            section: "7.2.4",
            level: Must,
            words: "a solicitation for our address is answered",
            shown: Shown::By("tests/host/ndp.rs", "a_solicitation_is_answered_to_who_asked"),
        },
        Requirement {
            section: "7.2.4",
            level: Must,
            words: "one from nobody is answered to all",
            shown: Shown::By("tests/host/ndp.rs", "who_probes_for_our_address_is_told_so_with_all_others"),
        },
        Requirement {
            section: "7.3.3",
            level: Must,
            words: "a neighbour that does not answer is given up",
            shown: Shown::By("tests/host/neighbors.rs", "a_neighbour_that_does_not_answer_is_given_up"),
        },
        Requirement {
            section: "7.2.5",
            level: Must,
            words: "who was a router and says that it is none is used no more",
            shown: Shown::By("tests/host/discovery.rs", "a_router_that_says_that_it_is_none_is_used_no_more"),
        },
        Requirement {
            section: "7.3.3",
            level: Should,
            words: "a router that falls silent is passed over for one that answers",
            shown: Shown::By("tests/host/discovery.rs", "a_router_that_falls_silent_is_passed_over"),
        },
        Requirement {
            section: "6.1.2",
            level: Must,
            words: "advertisements that cannot be are dropped",
            shown: Shown::By("tests/host/discovery.rs", "advertisements_that_cannot_be_are_dropped"),
        },
        Requirement {
            section: "6.3.4",
            level: Must,
            words: "a default router holds for its lifetime, and zero ends it",
            shown: Shown::By("tests/host/discovery.rs", "a_default_router_comes_and_goes"),
        },
        Requirement {
            section: "6.3.4",
            level: Must,
            words: "prefixes of the link hold for their lifetime, and zero ends it",
            shown: Shown::By("tests/host/discovery.rs", "only_a_prefix_says_who_is_on_the_link"),
        },
        Requirement {
            section: "6.3.4",
            level: Should,
            words: "hop limit, reachable time, retransmission timer and MTU are kept to, within what makes sense",
            shown: Shown::By("tests/host/discovery.rs", "terms_of_the_link_are_kept_to_within_bounds"),
        },
        Requirement {
            section: "6.3.4",
            level: Must,
            words: "at least two default routers are kept, and a flood pushes none out",
            shown: Shown::By("tests/host/discovery.rs", "a_flood_of_rogue_routers_is_bounded"),
        },
        Requirement {
            section: "6.3.4",
            level: Should,
            words: "the randomised reachable time is computed anew every few hours",
            shown: Shown::Not(
                "it is computed anew when another base is told: the time only keeps hosts from probing in step",
            ),
        },
        Requirement {
            section: "6.3.6",
            level: Must,
            words: "reachable routers are preferred to others",
            shown: Shown::By("tests/host/discovery.rs", "a_router_that_falls_silent_is_passed_over"),
        },
        Requirement {
            section: "6.3.7",
            level: Should,
            words: "routers are asked for at the start, with a delay, from a certain address or from none",
            shown: Shown::By("tests/host/discovery.rs", "who_probes_its_address_asks_with_care"),
        },
        Requirement {
            section: "6.3",
            level: Must,
            words: "routers and prefixes of a real router are discovered",
            shown: Shown::By("tests/peers/auto.rs", "radvd_gives_an_address_and_a_way_and_takes_the_way_back"),
        },
        Requirement {
            section: "8.1",
            level: Must,
            words: "redirects that cannot be, or are not from the router in use, are dropped",
            shown: Shown::By("tests/host/redirects.rs", "forged_redirects_are_refused"),
        },
        Requirement {
            section: "8.3",
            level: Should,
            words: "a redirect changes the way to its destination",
            shown: Shown::By("tests/host/redirects.rs", "a_redirect_changes_the_way_to_one_destination"),
        },
        Requirement {
            section: "8.3",
            level: Must,
            words: "a redirect to the destination itself makes it a neighbour, at the station that is told",
            shown: Shown::By("tests/host/redirects.rs", "a_redirect_may_tell_the_station"),
        },
    ],
};
