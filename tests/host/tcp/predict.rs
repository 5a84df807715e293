//! Header prediction: its short way takes a segment in as the long one would have, or not at all.

use std::time::Duration;

use proptest::prelude::*;
use taphouse::base::time::Instant;
use taphouse::buffer::{Offload, Pool};
use taphouse::transport::tcp::{Connection, Initial, Refused, Segment, SeqNumber, Take, Tuning};
use taphouse::wire::tcp::{Header, LENGTH, flag};
use taphouse::wire::tcp_options::{Options, Timestamps};
use zerocopy::IntoBytes;

use super::{MSS, PATH};

const SCALE: u8 = 7;

/// A segment, as it differs from what is expected.
#[derive(Clone, Copy, Debug)]
struct Difference {
    sequence: i32,
    acknowledgment: i32,
    window: u16,
    flags: u8,
    clock: i32,
    /// What else its options say.
    other: bool,
    length: usize,
}

#[derive(Clone, Copy, Debug)]
enum Operation {
    Hear(Difference),
    Write(usize),
    /// Whatever is to be sent leaves.
    Send,
    Pass(u64),
    Close,
}

fn difference() -> impl Strategy<Value = Difference> {
    (
        prop_oneof![8 => Just(0), 1 => -3000i32..3000, 1 => Just(1)],
        prop_oneof![8 => Just(0), 1 => -2000i32..2000],
        prop_oneof![8 => Just(500u16), 1 => Just(0), 1 => 0u16..1000],
        prop_oneof![6 => Just(flag::ACK), 4 => Just(flag::ACK | flag::PSH), 1 => any::<u8>()],
        prop_oneof![8 => 0i32..2, 1 => -5i32..50],
        prop_oneof![9 => Just(false), 1 => Just(true)],
        prop_oneof![6 => Just(1448usize), 3 => 0usize..1448, 1 => Just(0), 1 => Just(60_000)],
    )
        .prop_map(|(sequence, acknowledgment, window, flags, clock, other, length)| Difference {
            sequence,
            acknowledgment,
            window,
            flags,
            clock,
            other,
            length,
        })
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        12 => difference().prop_map(Operation::Hear),
        1 => (1usize..5000).prop_map(Operation::Write),
        2 => Just(Operation::Send),
        1 => (0u64..300).prop_map(Operation::Pass),
        1 => prop_oneof![19 => Just(Operation::Send), 1 => Just(Operation::Close)],
    ]
}

/// A connection, and what its peer knows.
struct Driver {
    connection: Connection,
    pool: Pool,
    /// What came in order.
    nxt: SeqNumber,
    una: SeqNumber,
    clock: u32,
    taken: usize,
}

impl Driver {
    fn new(timestamps: bool, now: Instant) -> Driver {
        let initial = Initial { sequence: SeqNumber(u32::MAX - 3000), clock: 7 };
        let mut connection = Connection::connect(initial, MSS, Tuning::default(), now);
        let plan = connection.plan(PATH).expect("a SYN is to be sent");
        connection.commit(&plan, 0, now);
        let options = Options {
            maximum_segment_size: Some(MSS),
            window_scale: Some(SCALE),
            sack_permitted: true,
            timestamps: timestamps.then_some(Timestamps { value: u32::MAX - 20, echo: 7 }),
            ..Options::default()
        };
        let (sequence, una) = (SeqNumber(u32::MAX - 9000), initial.sequence + 1);
        let segment = Segment {
            sequence,
            acknowledgment: una,
            flags: flag::SYN | flag::ACK,
            window: 64_000,
            options,
            header_length: LENGTH,
            ..Segment::default()
        };
        let mut pool = Pool::new(16 << 20);
        connection.on_segment(&segment, now, &mut pool).expect("a good segment");
        Driver { connection, pool, nxt: sequence + 1, una, clock: u32::MAX - 20, taken: 0 }
    }

    fn hear(&mut self, bytes: &[u8], is_short: bool, now: Instant) -> Result<Take, Refused> {
        let offload = Offload::default();
        let next = if is_short { self.connection.take_next(bytes, offload, now) } else { None };
        let taken = match next {
            Some(data) => {
                self.taken += 1;
                let head = bytes.len() - data.len();
                assert_eq!(data, head..bytes.len());
                Ok(Take::Deliver(0..data.len()))
            }
            None => {
                let mut segment = Segment::default();
                segment.read(bytes, offload).expect("a segment that can be read");
                self.connection.on_segment(&segment, now, &mut self.pool)
            }
        };
        if let Ok(Take::Deliver(range)) = &taken {
            self.connection.received(range.len(), false, &mut self.pool, now);
            self.nxt += range.len();
        }
        taken
    }

    fn bytes(&mut self, difference: Difference, timestamps: bool) -> Vec<u8> {
        let Difference { sequence, acknowledgment, window, flags, clock, other, length } = difference;
        self.clock = self.clock.wrapping_add_signed(clock);
        let mut options = Options {
            timestamps: timestamps.then_some(Timestamps { value: self.clock, echo: 7 }),
            ..Options::default()
        };
        if other {
            options.sack.push((self.una.0, self.una.0.wrapping_add(1)));
        }
        let options = options.write();
        let sequence = self.nxt.0.wrapping_add_signed(sequence);
        let acknowledgment = self.una.0.wrapping_add_signed(acknowledgment);
        let mut header = Header::new((7.into(), 9.into()), sequence, acknowledgment, flags).with_options(options.len());
        header.window = window.into();
        [header.as_bytes(), &options, &vec![0x5a; length]].concat()
    }

    fn send(&mut self, now: Instant) -> Vec<String> {
        let mut sent = Vec::new();
        self.connection.wake(now);
        while let Some(plan) = self.connection.plan(PATH) {
            sent.push(format!("{plan:?} {:?}", self.connection.reply(&plan, PATH, now)));
            self.connection.commit(&plan, plan.length, now);
        }
        self.connection.rest(now);
        sent
    }

    fn apply(&mut self, operation: Operation, bytes: &[u8], is_short: bool, now: Instant) -> String {
        let done = match operation {
            Operation::Hear(_) => format!("{:?}", self.hear(bytes, is_short, now)),
            Operation::Write(length) => {
                let length = length.min(self.connection.room());
                self.connection.queue_mut().share(&[0; 5000][..length]);
                String::new()
            }
            Operation::Send => format!("{:?}", self.send(now)),
            Operation::Pass(_) => {
                while self.connection.deadline() <= now {
                    self.connection.on_timer(now);
                    self.send(now);
                }
                String::new()
            }
            Operation::Close => {
                self.connection.close();
                String::new()
            }
        };
        let (events, deadline) = (self.connection.take_events(), self.connection.deadline());
        format!("{done} {events:?} {deadline:?} {:?} {:?}", self.connection.info(), self.connection.plan(PATH))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn the_short_way_is_the_long_way(
        operations in prop::collection::vec(operation(), 1..80),
        timestamps: bool,
    ) {
        let mut now = Instant::from_millis(1000);
        let [mut short, mut long] = [(); 2].map(|()| Driver::new(timestamps, now));
        for operation in operations {
            if let Operation::Pass(millis) = operation {
                now = now + Duration::from_millis(millis);
            }
            let bytes = match operation {
                Operation::Hear(difference) => short.bytes(difference, timestamps),
                _ => Vec::new(),
            };
            let done = short.apply(operation, &bytes, true, now);
            prop_assert_eq!(done, long.apply(operation, &bytes, false, now));
        }
    }
}

/// So that the property above is not true of nothing.
#[test]
fn a_burst_goes_the_short_way() {
    let now = Instant::from_millis(1000);
    for timestamps in [false, true] {
        let mut driver = Driver::new(timestamps, now);
        let next = Difference {
            sequence: 0,
            acknowledgment: 0,
            window: 500,
            flags: flag::ACK,
            clock: 1,
            other: false,
            length: 1448,
        };
        for count in 1..20 {
            let bytes = driver.bytes(next, timestamps);
            assert_eq!(driver.hear(&bytes, true, now), Ok(Take::Deliver(0..1448)));
            assert_eq!(driver.taken, count);
        }
    }
}
