use crate::{Level::*, Requirement, Rfc, Shown};

pub(crate) const RFC: Rfc = Rfc {
    number: 4862,
    title: "IPv6 Stateless Address Autoconfiguration",
    requirements: &[
        Requirement {
            section: "5.4",
            level: Must,
            words: "an address is not used before nobody is found to have it",
            shown: Shown::By("tests/host/addresses.rs", "an_address_is_not_used_before_nobody_is_found_to_have_it"),
        },
        Requirement {
            section: "5.4.3",
            level: Must,
            words: "two who want one address at the same time both hear of it",
            shown: Shown::By("tests/host/addresses.rs", "the_newcomer_yields"),
        },
        Requirement {
            section: "5.4.4",
            level: Must,
            words: "an advertisement from the address that it is about is heard",
            shown: Shown::By("tests/host/addresses.rs", "a_claim_comes_from_the_address_that_is_claimed"),
        },
        Requirement {
            section: "5.5.3 a-d",
            level: Must,
            words: "prefixes that cannot be make no address",
            shown: Shown::By("src/internet/slaac.rs", "prefixes_that_cannot_be_make_no_address"),
        },
        Requirement {
            section: "5.5.3 d",
            level: Must,
            words: "a prefix makes an address, which is probed",
            shown: Shown::By("tests/host/discovery.rs", "an_address_follows_from_a_prefix"),
        },
        Requirement {
            section: "5.5.3 e",
            level: Must,
            words: "two hours are left whatever is told",
            shown: Shown::By("src/internet/slaac.rs", "two_hours_are_left_whatever_is_told"),
        },
        Requirement {
            section: "5.5.4",
            level: Must,
            words: "an address is deprecated, then invalid",
            shown: Shown::By("tests/host/discovery.rs", "an_address_goes_out_of_use_and_ends"),
        },
        Requirement {
            section: "5.5.4",
            level: Should,
            words: "nothing new begins from a deprecated address",
            shown: Shown::By("tests/host/discovery.rs", "an_address_goes_out_of_use_and_ends"),
        },
        Requirement {
            section: "5.5",
            level: Should,
            words: "an address that somebody has is given up, and another one made",
            shown: Shown::By("tests/peers/auto.rs", "an_address_of_slaac_is_given_up_when_somebody_has_it"),
        },
        Requirement {
            section: "5.6",
            level: May,
            words: "temporary addresses (RFC 8981) are made",
            shown: Shown::Not("this host serves: it is to be found again"),
        },
    ],
};
