use crate::{Level::*, Requirement, Rfc, Shown};

pub(crate) const RFC: Rfc = Rfc {
    number: 792,
    title: "Internet Control Message Protocol",
    requirements: &[
        Requirement {
            section: "Echo",
            level: Must,
            words: "the data of a request come back",
            shown: Shown::By("tests/host/echo.rs", "echoes_of_every_size_come_back"),
        },
        Requirement {
            section: "Timestamp",
            level: May,
            words: "a request for the time is answered, with the high bit for a clock without midnight",
            shown: Shown::By("tests/host/echo.rs", "who_asks_for_the_time_is_told"),
        },
        Requirement {
            section: "Parameter Problem",
            level: May,
            words: "the pointer is that of the byte that is wrong",
            shown: Shown::By("tests/host/errors.rs", "a_malformed_option_is_pointed_at"),
        },
        Requirement {
            section: "Time Exceeded",
            level: May,
            words: "code 1 about a datagram that was not whole in time, if its first fragment came",
            shown: Shown::By("tests/host/fragments.rs", "the_sender_hears_of_a_datagram_that_was_not_whole_in_time"),
        },
        Requirement {
            section: "Destination Unreachable",
            level: May,
            words: "code 2 and 3 about a protocol or port that nobody has",
            shown: Shown::By("tests/host/errors.rs", "a_port_where_nobody_listens_is_unreachable"),
        },
        Requirement {
            section: "Redirect",
            level: May,
            words: "a redirect changes the way to a destination",
            shown: Shown::By("tests/host/redirects.rs", "a_redirect_changes_the_way_to_one_destination"),
        },
    ],
};
