//! Acknowledgments that cover more than two segments: for superframes of a host beside us, and for nobody else.

use std::time::Duration;

use taphouse::base::limits;
use taphouse::base::time::Instant;
use taphouse::buffer::Pool;
use taphouse::transport::tcp::{Connection, Initial, Segment, SeqNumber, Take, Tuning};
use taphouse::wire::tcp::{LENGTH, flag};
use taphouse::wire::tcp_options::Options;

use super::{MSS, PATH};

/// Data of a superframe.
const LARGE: usize = 44 * MSS as usize;
const AT_ONCE: Duration = Duration::from_micros(6);

/// A connection that receives, and its peer, which knows what was acknowledged and how far it may send.
struct Receiver {
    connection: Connection,
    pool: Pool,
    now: Instant,
    nxt: SeqNumber,
    una: SeqNumber,
    edge: SeqNumber,
    scale: u8,
}

impl Receiver {
    fn new(tuning: Tuning) -> Receiver {
        let now = Instant::from_millis(1000);
        let initial = Initial { sequence: SeqNumber(77), clock: 7 };
        let mut connection = Connection::connect(initial, MSS, tuning, now);
        let plan = connection.plan(PATH).expect("a SYN is to be sent");
        let scale = connection.reply(&plan, PATH, now).options.window_scale.expect("its window is scaled");
        connection.commit(&plan, 0, now);
        let sequence = SeqNumber(u32::MAX - (4 << 20));
        let options = Options { maximum_segment_size: Some(MSS), window_scale: Some(7), ..Options::default() };
        let segment = Segment {
            sequence,
            acknowledgment: initial.sequence + 1,
            flags: flag::SYN | flag::ACK,
            window: 64_000,
            options,
            header_length: LENGTH,
            ..Segment::default()
        };
        let mut pool = Pool::new(64 << 20);
        connection.on_segment(&segment, now, &mut pool).expect("a good segment");
        let (nxt, una, edge) = (sequence + 1, sequence, sequence);
        let mut receiver = Receiver { connection, pool, now, nxt, una, edge, scale };
        receiver.acknowledged();
        receiver
    }

    /// What is acknowledged now, in bytes.
    fn acknowledged(&mut self) -> Option<usize> {
        let plan = self.connection.plan(PATH)?;
        assert_eq!(plan.length, 0, "it writes nothing");
        let reply = self.connection.reply(&plan, PATH, self.now);
        self.connection.commit(&plan, 0, self.now);
        let count = reply.acknowledgment - self.una;
        (self.una, self.edge) =
            (reply.acknowledgment, reply.acknowledgment + (usize::from(reply.window) << self.scale));
        Some(count)
    }

    /// Whether the peer may send so much.
    fn may_come(&self, length: usize) -> bool {
        !(self.nxt + length).is_after(self.edge)
    }

    /// Data come, `is_large` those of a host beside us; what is acknowledged at the end of the turn.
    fn hear(&mut self, length: usize, is_large: bool) -> Option<usize> {
        assert!(self.may_come(length), "the peer keeps to the window");
        let segment = Segment {
            sequence: self.nxt,
            acknowledgment: SeqNumber(78),
            flags: flag::ACK,
            window: 64_000,
            header_length: LENGTH,
            length,
            size: length.min(MSS.into()),
            ..Segment::default()
        };
        let taken = self.connection.on_segment(&segment, self.now, &mut self.pool).expect("a good segment");
        assert!(matches!(taken, Take::Deliver(range) if range.len() == length));
        self.connection.received(length, is_large, &mut self.pool, self.now);
        self.nxt += length;
        self.acknowledged()
    }

    /// Time passes; what is acknowledged meanwhile.
    fn pass(&mut self, span: Duration) -> Option<usize> {
        self.now = self.now + span;
        if self.connection.deadline() > self.now {
            return None;
        }
        self.connection.on_timer(self.now);
        self.acknowledged()
    }

    /// Superframes, each so long behind the one before, from a peer that has sent at most `window` that was not acknowledged; what
    /// each acknowledgment covers, and how long the peer stood still in all.
    fn stream(&mut self, count: usize, gap: Duration, window: usize) -> (Vec<usize>, Duration) {
        let (mut covered, mut stood) = (Vec::new(), Duration::ZERO);
        for _ in 0..count {
            while self.nxt + LARGE - self.una > window || !self.may_come(LARGE) {
                covered.extend(self.pass(Duration::from_micros(1)));
                stood += Duration::from_micros(1);
            }
            covered.extend(self.pass(gap));
            covered.extend(self.hear(LARGE, true));
        }
        (covered, stood)
    }
}

#[test]
fn a_stream_from_beside_us_is_acknowledged_in_large_steps() {
    let mut receiver = Receiver::new(Tuning::default());
    let (covered, stood) = receiver.stream(4000, AT_ONCE, usize::MAX);
    // At first a few of them, and then more and more.
    assert!(covered[..2].iter().all(|count| *count <= limits::STRETCH.0 as usize + LARGE), "{covered:?}");
    let last = &covered[covered.len() - 20..];
    let most = limits::STRETCH.1 as usize + LARGE;
    assert!(last.iter().all(|count| (2 << 20..=most).contains(count)), "{last:?}");
    assert_eq!(stood, Duration::ZERO, "there was always window left");
}

#[test]
fn the_last_of_a_stream_is_acknowledged_soon() {
    let mut receiver = Receiver::new(Tuning::default());
    receiver.stream(4001, AT_ONCE, usize::MAX);
    let left = receiver.nxt - receiver.una;
    assert!(left > 0);
    assert_eq!(receiver.pass(limits::STRETCH_GAP - Duration::from_micros(1)), None);
    assert_eq!(receiver.pass(Duration::from_micros(1)), Some(left));
}

#[test]
fn nobody_else_waits() {
    // From a network; slower; and where acknowledgments are not delayed at all.
    let at_once = Tuning { delayed_ack: Duration::ZERO, ..Tuning::default() };
    for (tuning, gap, is_large) in [
        (Tuning::default(), AT_ONCE, false),
        (Tuning::default(), 2 * limits::STRETCH_GAP, true),
        (at_once, AT_ONCE, true),
    ] {
        let mut receiver = Receiver::new(tuning);
        for _ in 0..500 {
            assert_eq!(receiver.pass(gap), None);
            assert_eq!(receiver.hear(LARGE, is_large), Some(LARGE));
        }
    }
}

#[test]
fn small_segments_are_acknowledged_by_twos() {
    let mut receiver = Receiver::new(Tuning::default());
    receiver.stream(1000, AT_ONCE, usize::MAX);
    receiver.pass(2 * limits::STRETCH_GAP);
    for _ in 0..100 {
        assert_eq!(receiver.hear(MSS.into(), false), None);
        assert_eq!(receiver.hear(MSS.into(), false), Some(2 * usize::from(MSS)));
        assert_eq!(receiver.pass(AT_ONCE), None);
    }
}

/// A peer whose buffer is smaller than what would be waited for loses next to nothing, whatever its size is.
#[test]
fn a_peer_with_a_small_buffer_hardly_stands_still() {
    for buffer in [LARGE, 2 * LARGE, 200_000, 500_000, 1 << 20, 2 << 20] {
        let mut receiver = Receiver::new(Tuning::default());
        // It has learned that by now.
        receiver.stream(20_000, AT_ONCE, buffer);
        let begun = receiver.now;
        let (_, stood) = receiver.stream(50_000, AT_ONCE, buffer);
        let share = stood.as_secs_f64() / (receiver.now - begun).as_secs_f64();
        assert!(share < 0.005, "{buffer}: {share}");
    }
}

/// What comes out of order is told at once.
#[test]
fn a_gap_in_the_stream_is_told_at_once() {
    let mut receiver = Receiver::new(Tuning::default());
    receiver.stream(1000, AT_ONCE, usize::MAX);
    receiver.pass(AT_ONCE);
    let segment = Segment {
        sequence: receiver.nxt + LARGE,
        acknowledgment: SeqNumber(78),
        flags: flag::ACK,
        window: 64_000,
        header_length: LENGTH,
        length: usize::from(MSS),
        size: MSS.into(),
        ..Segment::default()
    };
    let taken = receiver.connection.on_segment(&segment, receiver.now, &mut receiver.pool);
    assert!(matches!(taken, Ok(Take::Hold { .. })), "{taken:?}");
    assert!(receiver.acknowledged().is_some());
}
