use crate::{Level::*, Requirement, Rfc, Shown};

const LEAF: &str = "src/internet/dhcp/tests.rs";
const HOST: &str = "tests/host/lease.rs";
const PEERS: &str = "tests/peers/auto.rs";

pub(crate) const RFC: Rfc = Rfc {
    number: 2131,
    title: "Dynamic Host Configuration Protocol (client)",
    requirements: &[
        Requirement {
            section: "2",
            level: Must,
            words: "a client is lent an address by a real server",
            shown: Shown::By(PEERS, "dnsmasq_lends_an_address_renews_it_and_gets_it_back"),
        },
        Requirement {
            section: "3.1",
            level: Must,
            words: "an offer is asked for with the server's identifier and its address, in one transaction",
            shown: Shown::By(HOST, "an_address_is_lent"),
        },
        Requirement {
            section: "3.1.5",
            level: Should,
            words: "the address is probed; if somebody has it, it is declined and ten seconds pass",
            shown: Shown::By(HOST, "an_address_that_somebody_has_is_declined"),
        },
        Requirement {
            section: "3.1.5",
            level: Should,
            words: "a request that is not answered is sent again for a minute, then it begins anew; a refusal likewise",
            shown: Shown::By(LEAF, "an_offer_that_is_not_confirmed_is_given_up"),
        },
        Requirement {
            section: "4.1",
            level: Must,
            words: "retransmissions back off: 4, 8, 16, 32, 64 s, one second more or less",
            shown: Shown::By(LEAF, "questions_back_off_within_their_bounds"),
        },
        Requirement {
            section: "4.1",
            level: Should,
            words: "the broadcast flag is set while an answer to one host could not be received",
            shown: Shown::By(HOST, "an_address_is_lent"),
        },
        Requirement {
            section: "4.1",
            level: Must,
            words: "options are read on in the fields of file and server name",
            shown: Shown::By("src/wire/dhcp.rs", "options_go_on_where_names_would_be"),
        },
        Requirement {
            section: "4.4.1",
            level: Must,
            words: "answers of another transaction, or for another station, are dropped",
            shown: Shown::By(HOST, "forged_and_malformed_messages_are_dropped"),
        },
        Requirement {
            section: "4.4.1",
            level: Must,
            words: "messages say what table 5 says",
            shown: Shown::By(LEAF, "letters_say_what_their_kind_says"),
        },
        Requirement {
            section: "4.4.1",
            level: Should,
            words: "the first question waits one to ten seconds",
            shown: Shown::Not(
                "it waits up to one: a host that is started by hand is not one of many after a power cut",
            ),
        },
        Requirement {
            section: "4.4.5",
            level: Must,
            words: "at T1 its server is asked, at T2 any; without an answer the lease ends, and the address with it",
            shown: Shown::By(HOST, "a_lease_is_renewed_by_its_server_then_by_any_and_ends"),
        },
        Requirement {
            section: "4.4.5",
            level: Should,
            words: "half of what is left passes between two questions, and a minute at least",
            shown: Shown::By(LEAF, "a_lease_is_renewed_then_rebound_then_over"),
        },
        Requirement {
            section: "4.4.5",
            level: Must,
            words: "a lease counts from its question",
            shown: Shown::By(LEAF, "a_renewed_lease_counts_from_the_question"),
        },
        Requirement {
            section: "3.3",
            level: Must,
            words: "a lease of all ones is for ever",
            shown: Shown::By(HOST, "a_lease_for_ever_lasts"),
        },
        Requirement {
            section: "4.4.6",
            level: May,
            words: "the address is given back at the end",
            shown: Shown::By(PEERS, "dnsmasq_lends_an_address_renews_it_and_gets_it_back"),
        },
        Requirement {
            section: "4.4.2",
            level: Should,
            words: "a client that knows its last address asks for that one (INIT-REBOOT)",
            shown: Shown::By(PEERS, "a_lease_is_asked_for_again_after_a_restart"),
        },
        Requirement {
            section: "4.3.6",
            level: Must,
            words: "such a request does not name a server, and its `ciaddr` is zero",
            shown: Shown::By(HOST, "a_lease_is_asked_for_again_after_a_restart"),
        },
        Requirement {
            section: "3.2",
            level: Must,
            words: "if it is refused, the client begins anew",
            shown: Shown::By(HOST, "a_lease_that_is_refused_after_a_restart_is_asked_for_no_more"),
        },
        Requirement {
            section: "3.2",
            level: May,
            words: "if nobody answers, the address may be used until its time is over",
            shown: Shown::Not(
                "nothing says that it is the same link: it begins anew, and wishes for the address (§4.4.1)",
            ),
        },
        Requirement {
            section: "4.4.1",
            level: May,
            words: "an address that was leased before is wished for in a DISCOVER",
            shown: Shown::By(LEAF, "a_lease_from_before_of_which_nobody_knows_is_only_wished_for"),
        },
    ],
};
