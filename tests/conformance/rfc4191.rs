use crate::{Level::*, Requirement, Rfc, Shown};

const FILE: &str = "tests/host/discovery.rs";

pub(crate) const RFC: Rfc = Rfc {
    number: 4191,
    title: "Default Router Preferences and More-Specific Routes",
    requirements: &[
        Requirement {
            section: "2.2",
            level: Must,
            words: "a reserved preference of a router means the middle",
            shown: Shown::By(FILE, "preferences_and_routes_choose_the_router"),
        },
        Requirement {
            section: "2.3",
            level: Must,
            words: "a route with a reserved preference is ignored",
            shown: Shown::By(FILE, "claims_that_cannot_be_are_left_out_and_counted"),
        },
        Requirement {
            section: "2.3",
            level: Must,
            words: "a route is as long as its prefix needs, or ignored",
            shown: Shown::By("src/wire/router.rs", "routes_are_as_long_as_they_say"),
        },
        Requirement {
            section: "3.1",
            level: Must,
            words: "a lifetime of zero ends a route; an option about everywhere speaks for its router",
            shown: Shown::By(FILE, "preferences_and_routes_choose_the_router"),
        },
        Requirement {
            section: "3.2",
            level: Should,
            words: "reachable routers come first, then the longest prefix, then the preference",
            shown: Shown::By("src/internet/route.rs", "a_router_that_answers_comes_before_one_that_does_not"),
        },
        Requirement {
            section: "3.2",
            level: Should,
            words: "a router that is passed over is probed, and used again when it answers",
            shown: Shown::By(FILE, "a_router_that_falls_silent_is_passed_over"),
        },
    ],
};
