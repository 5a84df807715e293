//! TCP, one segment at a time: what a peer may send, and what it must not.
//!
//! What breaks stacks, class by class, and the tests that show that it does not break this one. Without a file they are here.
//!
//! | class E, state | |
//! |---|---|
//! | urgent pointer under- and overflow | `attacks::urgent_pointers_are_not_followed` |
//! | SACK of the unsent and the reversed, of single bytes | `attacks::selective_acknowledgments_of_…` |
//! | out-of-order queue | `attacks::data_out_of_order_are_bounded_in_bytes_and_pieces`, `overlapping_pieces_do_not_shift_the_stream` |
//! | window shrink | `attacks::a_window_that_shrinks_is_kept`, `tests/sim/window.rs` |
//! | numbers cross 2³¹ and 2³² | `tests/sim/sequence.rs` |
//! | timestamps backwards, forged, echoes | `attacks::timestamps_that_run_backwards_are_not_believed`, `a_forged_timestamp_does_not_shut_the_peer_out`, `forged_echoes_harm_nobody` |
//! | ACK of data never sent | `attacks::an_acknowledgment_of_what_was_never_sent_is_challenged_seldom` |
//! | data after FIN, FIN on a trimmed segment | `attacks::data_behind_the_end_are_not_taken`, `an_end_on_a_trimmed_segment` |
//! | RST and SYN in every state | `states::a_reset_ends_every_state_and_is_not_answered`, `a_reset_amid_the_window_is_challenged_in_every_state`, `a_syn_ends_no_state` |
//!
//! | class F, predictability | |
//! |---|---|
//! | initial sequence numbers, ports | `predictability` |
//! | IP identifications | `src/internet/output.rs` |
//! | cookie secret | `exhaustion::a_cookie_that_is_guessed_opens_nothing` |
//! | one limit of challenges for all | `attacks::challenges_of_one_connection_tell_nothing_of_another` |
//! | one limit of ICMP errors for all | `src/internet/error.rs` |
//!
//! | class G, off the path | |
//! |---|---|
//! | blind RST, SYN, data | `attacks::a_blind_reset_is_challenged_seldom`, `a_blind_syn_is_challenged_seldom`, `blind_data_are_not_taken` |
//! | ICMP errors that quote nothing in flight | `icmp::errors_that_quote_what_is_not_in_flight_change_nothing` |
//! | packets too big of 0, < 68, < 1280 | `icmp::packets_too_big_for_no_path_change_nothing`, `routers_that_do_not_know_are_answered_with_the_next_plateau`, `less_than_552_lets_routers_cut` |
//!
//! | class K, exhaustion | |
//! |---|---|
//! | SYN flood, half-open connections that pin a listener | `exhaustion::a_syn_flood_…`, `tests/peers/tcp.rs` with 200,000 SYNs and 100 clients |
//! | zero window for ever (Sockstress) | `exhaustion::a_zero_window_held_for_ever_is_cheap`, `closed_windows_hold_memory_up_for_a_while_only` |
//! | 1-byte segments that hold large frames | `exhaustion::single_bytes_that_nobody_reads_pin_a_window_and_no_more`, `large_segments_with_a_byte_that_is_new_pin_what_they_bring` |
//! | TIME-WAIT pinning | `exhaustion::time_wait_…`, `states::only_the_end_itself_prolongs_time_wait` |
//! | timer storms | `exhaustion::a_storm_of_timers_holds_up_no_frame` |
//! | replies to broadcast or multicast | `closed::a_group_is_not_connected_to`, `tests/host/errors.rs`, `udp.rs` |
//! | a connection that never reads | `exhaustion::slow_readers_shrink_to_what_they_read`, `a_zero_window_held_for_ever_is_cheap` |

use std::path::Path;

use taphouse::transport::tcp::{self, Segmentation};

mod attacks;
mod closed;
mod congestion;
mod ending;
mod exhaustion;
mod flow;
mod icmp;
mod patience;
mod peer;
mod plan;
mod predict;
mod predictability;
mod smoltcp;
mod states;
mod stretch;

/// The largest segment of a connection that is tested without a stack.
const MSS: u16 = 1460;
/// Its path, to a device that does not cut.
const PATH: tcp::Path = tcp::Path {
    mss: MSS,
    link_mss: MSS,
    superframe: MSS as usize,
    segmentation: Segmentation::BySoftware,
    dont_fragment: true,
    larger: None,
};

/// Every name in the map above is that of a test, or of a file with tests.
#[test]
fn the_map_names_what_there_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| std::fs::read_to_string(root.join(path));
    let map = read("tests/host/tcp/mod.rs").unwrap();
    let rows = map.lines().filter(|line| line.starts_with("//! | ") && line.contains('`'));
    let mut named = 0;
    for row in rows {
        let mut module = String::new();
        // Every second piece stands between quotes.
        for name in row.split('`').skip(1).step_by(2) {
            named += 1;
            if name.ends_with(".rs") {
                let found = [name.to_owned(), format!("tests/host/{name}")].into_iter().any(|path| read(&path).is_ok());
                assert!(found, "no file {name}: {row}");
                continue;
            }
            let test = match name.split_once("::") {
                Some((in_module, test)) => {
                    module = in_module.to_owned();
                    test
                }
                None if map.contains(&format!("mod {name};")) => continue,
                None => name,
            };
            let source = read(&format!("tests/host/tcp/{module}.rs")).unwrap_or_else(|why| panic!("{module}: {why}"));
            let (whole, begin) = (format!("fn {test}()"), format!("fn {}", test.trim_end_matches('\u{2026}')));
            let sought = if test.ends_with('\u{2026}') { begin } else { whole };
            assert!(source.contains(&sought), "no test {name} in {module}: {row}");
        }
    }
    assert!(named > 40, "{named} names");
}
