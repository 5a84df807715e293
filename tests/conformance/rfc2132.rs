use crate::{Level::*, Requirement, Rfc, Shown};

const WIRE: &str = "src/wire/dhcp.rs";
const HOST: &str = "tests/host/lease.rs";

pub(crate) const RFC: Rfc = Rfc {
    number: 2132,
    title: "DHCP Options (and 3396, 3442, 6842)",
    requirements: &[
        Requirement {
            section: "2",
            level: Must,
            words: "an option that ends behind the message spoils it, one that cannot be is left out",
            shown: Shown::By(WIRE, "lengths_that_lie_are_found_out"),
        },
        Requirement {
            section: "3.3, 3.5, 3.8, 3.17",
            level: Must,
            words: "mask, routers, name servers and domain are read",
            shown: Shown::By(WIRE, "options_say_what_they_say"),
        },
        Requirement {
            section: "3.5",
            level: Must,
            words: "the routers are used",
            shown: Shown::By(HOST, "an_address_is_lent"),
        },
        Requirement {
            section: "5.1",
            level: Must,
            words: "the MTU is kept to, but for one that no host may have",
            shown: Shown::By(HOST, "routes_and_the_mtu_are_told_along"),
        },
        Requirement {
            section: "9.2",
            level: Must,
            words: "a lease that is over at once is refused",
            shown: Shown::By("src/internet/dhcp/tests.rs", "what_cannot_be_is_refused"),
        },
        Requirement {
            section: "9.11, 9.12",
            level: Must,
            words: "T1 and T2 are the server's, if they make sense",
            shown: Shown::By("src/internet/dhcp/tests.rs", "times_are_the_servers_if_they_make_sense"),
        },
        Requirement {
            section: "9.14",
            level: Must,
            words: "the client is named by its hardware type and station",
            shown: Shown::By(HOST, "an_address_is_lent"),
        },
        Requirement {
            section: "RFC 6842 §3",
            level: Must,
            words: "an answer that names another client is dropped",
            shown: Shown::By("src/internet/dhcp/tests.rs", "what_cannot_be_is_refused"),
        },
        Requirement {
            section: "RFC 3396, RFC 3442",
            level: Must,
            words: "a list of routes may be in several options, and takes the place of the routers",
            shown: Shown::By(WIRE, "routes_are_as_long_as_they_need_and_go_on"),
        },
        Requirement {
            section: "3.14",
            level: May,
            words: "the client tells its host name",
            shown: Shown::Not("it has none"),
        },
    ],
};
