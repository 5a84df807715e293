//! Acknowledgments that stay behind: for superframes of a host beside us while that pays, and for nobody else.

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
/// What an acknowledgment leaves out.
const LEFT_OUT: usize = limits::STRETCH.0 as usize * limits::STRETCH.1;

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

    /// What is acknowledged now, in bytes. It never moves back, nor does the window but for its rounding (RFC 7323 §2.4).
    fn acknowledged(&mut self) -> Option<usize> {
        let plan = self.connection.plan(PATH)?;
        assert_eq!(plan.length, 0, "it writes nothing");
        let reply = self.connection.reply(&plan, PATH, self.now);
        self.connection.commit(&plan, 0, self.now);
        assert!(!reply.acknowledgment.is_before(self.una) && !reply.acknowledgment.is_after(self.nxt), "{reply:?}");
        let count = reply.acknowledgment - self.una;
        let edge = reply.acknowledgment + (usize::from(reply.window) << self.scale);
        assert!(!(edge + (1 << self.scale)).is_before(self.edge), "{reply:?}");
        (self.una, self.edge) = (reply.acknowledgment, edge);
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

    /// Superframes from a peer that sends at most `window` that was not acknowledged; how long behind the one before each comes,
    /// tells `gap`, by whether acknowledgments stay behind.
    fn stream(&mut self, count: usize, window: usize, gap: impl Fn(bool) -> Duration) -> Stream {
        let mut stream = Stream { began: self.now, ..Stream::default() };
        for _ in 0..count {
            while self.nxt + LARGE - self.una > window || !self.may_come(LARGE) {
                stream.note(self.pass(Duration::from_micros(1)), self.nxt - self.una);
                stream.stood += Duration::from_micros(1);
            }
            stream.note(self.pass(gap(stream.left_out > 0)), self.nxt - self.una);
            let acknowledged = self.hear(LARGE, true);
            stream.at_once += usize::from(self.nxt == self.una);
            stream.note(acknowledged, self.nxt - self.una);
        }
        stream.lasted = self.now - stream.began;
        stream
    }
}

/// What became of a stream.
#[derive(Default)]
struct Stream {
    began: Instant,
    lasted: Duration,
    /// How long the peer stood still in all.
    stood: Duration,
    /// Superframes that were acknowledged as they came.
    at_once: usize,
    /// How many bytes each acknowledgment covered, and how many it left out.
    steps: Vec<(usize, usize)>,
    left_out: usize,
}

impl Stream {
    fn note(&mut self, acknowledged: Option<usize>, left_out: usize) {
        if let Some(count) = acknowledged {
            self.steps.push((count, left_out));
            self.left_out = left_out;
        }
    }
}

/// A peer that writes faster in memory that is in no cache of ours.
fn hurries(stays_behind: bool) -> Duration {
    if stays_behind { AT_ONCE } else { 2 * AT_ONCE }
}

#[test]
fn what_came_last_is_left_out_where_that_makes_the_peer_faster() {
    let mut receiver = Receiver::new(Tuning::default());
    receiver.stream(6000, usize::MAX, hurries);
    let stream = receiver.stream(50_000, usize::MAX, hurries);
    // The other way is tried now and then, and for a short time.
    assert!(stream.at_once < 1000, "{}", stream.at_once);
    let (step, all) = (limits::STRETCH.0 as usize, 2 * LARGE);
    let even = |(count, left): &&(usize, usize)| {
        (step..step + all).contains(count) && (LEFT_OUT..LEFT_OUT + 2 * all).contains(left)
    };
    let behind: Vec<_> = stream.steps.iter().filter(|(_, left)| *left > 0).collect();
    assert!(behind.iter().copied().filter(even).count() >= behind.len() * 99 / 100, "{behind:?}");
    assert_eq!(stream.stood, Duration::ZERO, "there was always window left");
}

#[test]
fn all_is_acknowledged_where_the_peer_gains_nothing_by_waiting() {
    // As fast; and slower, as one whose pace follows the round trips that it measures.
    for slower in [1.0, 1.2] {
        let gap = |stays_behind| if stays_behind { AT_ONCE.mul_f64(slower) } else { AT_ONCE };
        let mut receiver = Receiver::new(Tuning::default());
        receiver.stream(20_000, usize::MAX, gap);
        let stream = receiver.stream(200_000, usize::MAX, gap);
        assert!(stream.at_once > 198_000, "{slower}: {}", stream.at_once);
    }
}

#[test]
fn the_last_of_a_stream_is_acknowledged_soon() {
    let mut receiver = Receiver::new(Tuning::default());
    receiver.stream(6001, usize::MAX, hurries);
    let left = receiver.nxt - receiver.una;
    assert!(left > LEFT_OUT / 2);
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
    receiver.stream(6000, usize::MAX, hurries);
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
        receiver.stream(40_000, buffer, hurries);
        let stream = receiver.stream(200_000, buffer, hurries);
        let share = stream.stood.as_secs_f64() / stream.lasted.as_secs_f64();
        assert!(share < 0.005, "{buffer}: {share}");
    }
}

/// What comes out of order is told at once.
#[test]
fn a_gap_in_the_stream_is_told_at_once() {
    let mut receiver = Receiver::new(Tuning::default());
    receiver.stream(6000, usize::MAX, hurries);
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
    assert!(receiver.nxt - receiver.una > LEFT_OUT / 2);
    assert!(receiver.acknowledged().is_some());
    assert_eq!(receiver.una, receiver.nxt, "with all that came in order");
}
