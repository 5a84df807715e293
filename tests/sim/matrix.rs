//! Everything that a network does to segments, one condition at a time.

use std::time::Duration;

use crate::Line;
use crate::network::Conditions;

/// A test for each line, and the same with 64 MiB for those who have a minute.
macro_rules! matrix {
    ($($name:ident($bytes:expr) $line:expr;)*) => {
        $(
            #[test]
            fn $name() {
                $line.carry($bytes);
            }
        )*

        mod whole {
            use super::*;
            $(
                #[test]
                #[ignore = "64 MiB both ways: run with --release and --include-ignored"]
                fn $name() {
                    $line.carry(64 << 20);
                }
            )*
        }
    };
}

const MIB: u64 = 1 << 20;

matrix! {
    good(16 * MIB) Line::new(Conditions::default());
    loss_of_one_in_a_thousand(16 * MIB) loss(1);
    loss_of_one_percent(8 * MIB) loss(10);
    loss_of_ten_percent(4 * MIB) loss(100);
    loss_of_thirty_percent(2 * MIB) loss(300);
    loss_one_way_only(4 * MIB) Line { conditions: [lossy(100), lossy(0)], ..loss(0) };
    reordering_by_one(8 * MIB) reordering(100, 1);
    reordering_by_4(8 * MIB) reordering(100, 4);
    reordering_by_16(8 * MIB) reordering(100, 16);
    reordering_by_64(8 * MIB) reordering(100, 64);
    reordering_of_all(8 * MIB) reordering(1000, 64);
    duplication_of_some(8 * MIB) Line::new(Conditions { duplication: 50, ..Conditions::default() });
    duplication_of_all(8 * MIB) Line::new(Conditions { duplication: 1000, ..Conditions::default() });
    corruption_of_one_percent(8 * MIB) Line::new(Conditions { corruption: 10, ..Conditions::default() });
    corruption_of_ten_percent(4 * MIB) Line::new(Conditions { corruption: 100, ..Conditions::default() });
    a_shallow_queue(8 * MIB) queue(2, 100_000_000);
    a_deep_queue(8 * MIB) queue(10_000, 10_000_000);
    a_round_trip_of_10_us(16 * MIB) round_trip(Duration::from_micros(10));
    a_round_trip_of_1_ms(16 * MIB) round_trip(Duration::from_millis(1));
    a_round_trip_of_100_ms(16 * MIB) round_trip(Duration::from_millis(100));
    a_round_trip_of_600_ms(16 * MIB) round_trip(Duration::from_millis(600));
    an_mtu_of_296(4 * MIB) Line::mtu(296);
    an_mtu_of_576(4 * MIB) Line::mtu(576);
    an_mtu_of_1280(8 * MIB) Line::mtu(1280);
    an_mtu_of_9000(16 * MIB) Line::mtu(9000);
    windows_that_shrink(4 * MIB) Line::new(Conditions { shrinking: 300, ..Conditions::default() });
    all_at_once(2 * MIB) Line::new(Conditions {
        loss: 20,
        duplication: 20,
        corruption: 20,
        reordering: (100, 16),
        shrinking: 20,
        queue: 50,
        rate: 20_000_000,
        ..Conditions::default()
    });
}

fn lossy(loss: u64) -> Conditions {
    Conditions { loss, ..Conditions::default() }
}

fn loss(of_thousand: u64) -> Line {
    Line::new(lossy(of_thousand))
}

fn reordering(of_thousand: u64, segments: u64) -> Line {
    Line::new(Conditions { reordering: (of_thousand, segments), ..Conditions::default() })
}

fn queue(frames: usize, rate: u64) -> Line {
    Line::new(Conditions { queue: frames, rate, ..Conditions::default() })
}

fn round_trip(span: Duration) -> Line {
    Line::new(Conditions { delay: span / 2, ..Conditions::default() })
}
