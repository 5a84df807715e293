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
            section: "8.3",
            level: Should,
            words: "redirects change the way to a destination",
            shown: Shown::Not("not done yet: routes are configured"),
        },
        Requirement {
            section: "6.3",
            level: Must,
            words: "routers and prefixes are discovered",
            shown: Shown::Not("not done yet: routes and addresses are configured"),
        },
    ],
};
