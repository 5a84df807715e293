//! `Connection::plan` under operations of every kind: never beyond the windows, never a gap, never silly.

use std::collections::VecDeque;
use std::time::Duration;

use proptest::prelude::*;
use taphouse::base::limits;
use taphouse::base::time::Instant;
use taphouse::buffer::Pool;
use taphouse::transport::tcp::{Connection, Initial, Path, Segment, Segmentation, SeqNumber, State, Tuning, Why};
use taphouse::wire::tcp::flag;
use taphouse::wire::tcp_options::Options;

const MSS: u16 = 1460;
const SCALE: u8 = 7;

#[derive(Clone, Debug)]
enum Operation {
    Write(usize),
    /// Acknowledges so many thousandths of what is in flight, with this window.
    Acknowledge(usize, u16),
    /// Acknowledges selectively, between thousandths of what is in flight.
    Selectively(usize, usize),
    Pass(u64),
    /// Lets so many segments leave.
    Send(usize),
    Close,
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        4 => (1usize..40_000).prop_map(Operation::Write),
        4 => (0usize..=1000, prop_oneof![Just(0u16), 1u16..20, 20u16..600]).prop_map(|(part, window)| Operation::Acknowledge(part, window)),
        3 => (0usize..1000, 1usize..=1000).prop_map(|(from, to)| Operation::Selectively(from, to)),
        3 => (0u64..3000).prop_map(Operation::Pass),
        6 => (1usize..40).prop_map(Operation::Send),
        1 => Just(Operation::Close),
    ]
}

struct Driver {
    connection: Connection,
    pool: Pool,
    path: Path,
    now: Instant,
    una: SeqNumber,
    nxt: SeqNumber,
    /// Where the last window ended, and the widest one.
    edge: SeqNumber,
    written: usize,
    first: SeqNumber,
    /// Whether a timer fired since something left: what waited long enough may be as short as it likes.
    waited: bool,
}

impl Driver {
    fn new(superframe: usize, segmentation: Segmentation) -> Driver {
        let now = Instant::from_millis(1000);
        let initial = Initial { sequence: SeqNumber(u32::MAX - 20_000), clock: 0 };
        let connection = Connection::connect(initial, MSS, Tuning::default(), now);
        let first = initial.sequence + 1;
        let path = Path { mss: MSS, link_mss: MSS, superframe, segmentation, dont_fragment: true, larger: None };
        let pool = Pool::new(64 << 20);
        let (una, nxt, edge) = (first, first, first + 65_535);
        let mut driver = Driver { connection, pool, path, now, una, nxt, edge, written: 0, first, waited: false };
        let plan = driver.connection.plan(path).expect("a SYN is to be sent");
        assert_eq!((plan.why, plan.flags), (Why::Open, flag::SYN));
        driver.connection.commit(&plan, 0, now);
        let options = Options {
            maximum_segment_size: Some(MSS),
            window_scale: Some(SCALE),
            sack_permitted: true,
            ..Options::default()
        };
        driver.hear(flag::SYN | flag::ACK, first, 65_535, options);
        assert_eq!(driver.connection.state(), State::Established);
        driver
    }

    fn hear(&mut self, flags: u8, acknowledgment: SeqNumber, window: u16, options: Options) {
        let sequence = SeqNumber(5000 + u32::from(flags & flag::SYN == 0));
        let segment =
            Segment { sequence, acknowledgment, flags, window, options, header_length: 20, ..Segment::default() };
        self.connection.on_segment(&segment, self.now, &mut self.pool).expect("a good segment");
        if flags & flag::SYN == 0 {
            self.una = acknowledgment;
            self.edge = self.una + (usize::from(window) << SCALE);
        }
    }

    /// One segment, if there is any; whether there was.
    fn send(&mut self) -> bool {
        let plan = self.connection.plan(self.path);
        assert_eq!(plan, self.connection.plan(self.path), "to ask changes nothing");
        let Some(plan) = plan else {
            self.connection.rest(self.now);
            return false;
        };
        let end = plan.sequence + plan.length;
        let data_end = self.first + self.written;
        match plan.why {
            Why::New => {
                assert_eq!(plan.sequence, self.nxt, "no gap: {plan:?}");
                assert!(plan.length > 0 || plan.flags & flag::FIN != 0, "{plan:?}");
                assert!(plan.length == 0 || !end.is_after(self.edge), "beyond the window: {plan:?}");
                assert!(!end.is_after(data_end), "more than was written: {plan:?}");
                let is_short = plan.length % plan.size.max(1) != 0;
                let is_last = end == data_end;
                let idle = self.nxt == self.una;
                assert!(!is_short || is_last || idle || self.waited, "silly: {plan:?}");
                self.nxt = end + usize::from(plan.flags & flag::FIN != 0);
            }
            Why::Again => {
                assert!(!plan.sequence.is_before(self.una) && !end.is_after(self.nxt), "{plan:?}");
                assert!(plan.length > 0 || plan.flags & flag::FIN != 0, "{plan:?}");
            }
            Why::Probe => assert_eq!((plan.sequence + 1, plan.length), (self.una, 0)),
            Why::Acknowledge => assert_eq!((plan.sequence, plan.length), (self.nxt, 0)),
            Why::Open | Why::Reset => panic!("{plan:?}"),
        }
        assert!(plan.length <= self.path.superframe.max(usize::from(MSS)) && plan.size <= usize::from(MSS));
        assert!(self.nxt - self.una <= limits::CONGESTION_WINDOW as usize);
        self.waited = false;
        self.connection.commit(&plan, plan.length, self.now);
        true
    }

    fn pass(&mut self, millis: u64) {
        let end = self.now + Duration::from_millis(millis);
        while self.connection.deadline() <= end {
            self.now = self.now.max(self.connection.deadline());
            self.connection.on_timer(self.now);
            self.waited = true;
            while self.send() {}
        }
        self.now = end;
    }

    fn at(&self, thousandths: usize) -> SeqNumber {
        self.una + (self.nxt - self.una) * thousandths / 1000
    }

    fn apply(&mut self, operation: &Operation) {
        match *operation {
            Operation::Write(length) => {
                let mut left = length.min(self.connection.room());
                while left > 0 {
                    let pieces = self.path.pieces(usize::from(MSS));
                    let written =
                        self.connection.queue_mut().write_with(&mut self.pool, left, pieces, |place| place.len());
                    left -= written.expect("the pool is large");
                    self.written += written.expect("the pool is large");
                }
            }
            Operation::Acknowledge(part, window) => {
                let acknowledgment = self.at(part);
                self.hear(flag::ACK, acknowledgment, window, Options::default());
            }
            Operation::Selectively(from, to) => {
                let (from, to) = (self.at(from), self.at(to));
                let mut options = Options::default();
                options.sack.push((from.0, to.0));
                let window = ((self.edge - self.una) >> SCALE) as u16;
                self.hear(flag::ACK, self.una, window, options);
            }
            Operation::Pass(millis) => self.pass(millis),
            Operation::Send(count) => drop((0..count).take_while(|_| self.send()).count()),
            Operation::Close => self.connection.close(),
        }
        // A bound on what the user was told does not matter here.
        let _events = self.connection.take_events();
    }

    /// The peer acknowledges whatever comes: all of it does, in bounded time.
    fn finish(mut self) {
        self.connection.close();
        for _ in 0..10_000 {
            while self.send() {}
            if self.connection.state() == State::FinWait2 {
                break;
            }
            let nxt = self.nxt;
            self.hear(flag::ACK, nxt, 10_000, Options::default());
            self.pass(100);
        }
        assert_eq!(self.connection.state(), State::FinWait2, "{} of {}", self.nxt - self.first, self.written);
        assert_eq!(self.nxt - self.first, self.written + 1);
        assert_eq!(self.pool.charged(), 0, "nothing is pinned");
    }
}

/// What acknowledgments make room for, one segment after the other, leaves as they come when they are spread over a long round
/// trip: who gathered a superframe of it would have less in flight than may be.
#[test]
fn a_long_path_is_kept_full() {
    const ROUND_TRIP: Duration = Duration::from_millis(66);
    const GAP: Duration = Duration::from_micros(600);
    // A hundred segments, which take nearly all of a round trip to pass the narrowest place.
    const WINDOW: u16 = 1141;
    let mut driver = Driver::new(65_495, Segmentation::ByDevice);
    let mut acknowledgments = VecDeque::new();
    let (mut passed, mut unused, mut looks) = (driver.now, 0, 0);
    for round in 0..10_000 {
        driver.apply(&Operation::Write(1 << 20));
        driver.connection.wake(driver.now);
        let from = driver.nxt;
        while driver.send() {}
        for sent in (0..driver.nxt - from).step_by(usize::from(MSS)) {
            passed = driver.now.max(passed) + GAP;
            acknowledgments.push_back((passed + ROUND_TRIP, (from + sent + usize::from(MSS)).earlier(driver.nxt)));
        }
        if round > 5000 {
            (unused, looks) = (unused + (driver.edge - driver.nxt), looks + 1);
        }
        let (at, end) = acknowledgments.pop_front().expect("something is in flight");
        driver.now = at;
        driver.hear(flag::ACK, end, WINDOW, Options::default());
        let _events = driver.connection.take_events();
    }
    let segments = unused as f64 / f64::from(looks) / f64::from(MSS);
    assert!(segments < 3.0, "{segments:.1} segments of a hundred are not in flight on average");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn plans_keep_to_windows_and_order(
        operations in prop::collection::vec(operation(), 1..120),
        superframe in prop_oneof![Just(usize::from(MSS)), Just(65_495usize), Just(131_032)],
        segmentation in prop_oneof![Just(Segmentation::ByDevice), Just(Segmentation::BySoftware)],
    ) {
        let mut driver = Driver::new(superframe, segmentation);
        operations.iter().for_each(|operation| driver.apply(operation));
        driver.finish();
    }
}
