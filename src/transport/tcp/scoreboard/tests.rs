use super::*;
use proptest::prelude::*;

const MSS: usize = 1000;
const ROUND_TRIP: Duration = Duration::from_millis(100);
const LEAST: Duration = Duration::from_millis(90);

fn at(segment: usize) -> SeqNumber {
    SeqNumber(u32::MAX - 5000) + segment * MSS
}

fn millis(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

/// So many segments in flight, one a millisecond.
struct Sender {
    flight: Flight,
    board: Scoreboard,
    nxt: SeqNumber,
}

impl Sender {
    fn new(segments: usize) -> Sender {
        let mut flight = Flight::new(at(0));
        (0..segments).for_each(|segment| flight.sent(at(segment), millis(1000 + segment as u64)));
        Sender { flight, board: Scoreboard::new(at(0), ROUND_TRIP), nxt: at(segments) }
    }

    fn sack(&mut self, from: usize, to: usize, now: u64) {
        self.board.sack(&mut self.flight, (at(from), at(to)), self.nxt, millis(now), LEAST);
    }

    fn acknowledge(&mut self, una: usize, now: u64) {
        self.board.acknowledge(&mut self.flight, at(una), MSS, millis(now), LEAST);
    }

    fn detect(&mut self, now: u64, window: u64) -> Instant {
        self.board.detect(&mut self.flight, millis(now), Duration::from_millis(window))
    }

    fn again(&mut self, from: usize, to: usize, now: u64) {
        self.board.sent_again(&mut self.flight, (at(from), at(to)), self.nxt, millis(now));
    }

    fn hole(&self) -> Option<(usize, usize)> {
        let hole = self.board.next_hole(&self.flight, 1 << 20)?;
        Some(((hole.start - at(0)) / MSS, hole.length / MSS))
    }
}

/// RFC 8985 §6.2, step 5.
#[test]
fn what_is_late_is_lost_when_the_window_is_over() {
    let mut sender = Sender::new(10);
    // The third arrives 102 ms after it left: the first two are late by 2 and 1 ms.
    sender.sack(2, 3, 1104);
    assert_eq!(sender.detect(1104, 20), millis(1000 + 102 + 20), "the first is to be judged next");
    assert_eq!(sender.hole(), None);
    assert_eq!(sender.detect(1122, 20), millis(1123));
    assert_eq!(sender.hole(), Some((0, 1)));
    assert_eq!(sender.detect(1123, 20), Instant::NEVER, "what left behind the third is not late");
    assert_eq!(sender.hole(), Some((0, 2)));
    assert_eq!(sender.board.pipe(10 * MSS, MSS), 7 * MSS);
    sender.again(0, 2, 1130);
    assert_eq!((sender.hole(), sender.board.pipe(10 * MSS, MSS)), (None, 9 * MSS));
}

/// RFC 8985 §3: what tells of a lost retransmission is that something arrived which left later.
#[test]
fn a_retransmission_may_be_lost_again() {
    let mut sender = Sender::new(10);
    sender.sack(1, 5, 1105);
    sender.detect(1105, 0);
    assert_eq!(sender.hole(), Some((0, 1)));
    sender.again(0, 1, 1105);
    sender.sack(5, 10, 1110);
    assert_eq!((sender.detect(1110, 0), sender.hole()), (Instant::NEVER, None), "these left earlier");
    sender.flight.sent(at(10), millis(1111));
    sender.nxt = at(11);
    sender.sack(10, 11, 1212);
    assert_eq!((sender.detect(1212, 0), sender.hole()), (Instant::NEVER, Some((0, 1))));
}

/// RFC 8985 §6.2, step 2: an acknowledgment sooner than any says nothing of the retransmission.
#[test]
fn what_comes_too_soon_was_the_original() {
    let mut sender = Sender::new(10);
    sender.sack(1, 2, 1101);
    sender.detect(1101, 0);
    sender.again(0, 1, 1101);
    sender.acknowledge(2, 1110);
    assert_eq!((sender.detect(1110, 0), sender.hole()), (Instant::NEVER, None));
    assert!(sender.board.is_done());
}

/// The whole tail of a flight, with nothing behind it, is found at once.
#[test]
fn an_acknowledged_retransmission_tells_of_all_before_it() {
    let mut sender = Sender::new(300);
    sender.board.time_out(&mut sender.flight, sender.nxt, millis(1100), Duration::ZERO, false);
    assert_eq!(sender.hole(), Some((0, 1)), "the rest may be on its way");
    sender.again(0, 1, 1320);
    sender.acknowledge(1, 1420);
    sender.detect(1420, 20);
    assert_eq!(sender.hole(), Some((1, 299)));
}

/// RFC 8985 §6.2, step 4: overtaken though it was sent once.
#[test]
fn reordering_is_seen() {
    let mut sender = Sender::new(10);
    sender.sack(5, 6, 1105);
    assert_eq!(sender.board.take_news().overtaken_by, 0);
    sender.sack(6, 7, 1106);
    assert_eq!(sender.board.take_news().overtaken_by, 0);
    sender.acknowledge(2, 1107);
    assert_eq!(sender.board.take_news().overtaken_by, 7 * MSS, "the first was overtaken by all up to the seventh");
    // What one segment says did not overtake itself.
    let mut sender = Sender::new(10);
    sender.sack(5, 6, 1105);
    sender.acknowledge(2, 1105);
    assert_eq!(sender.board.take_news().overtaken_by, 0);
}

/// RFC 2018 §8.
#[test]
fn a_peer_that_reneges_is_not_believed() {
    for twice in [false, true] {
        let mut sender = Sender::new(6);
        sender.sack(2, 4, 1102);
        sender.board.time_out(&mut sender.flight, sender.nxt, millis(9000), Duration::ZERO, twice);
        assert_eq!(sender.hole(), Some(if twice { (0, 6) } else { (0, 2) }));
    }
    let mut sender = Sender::new(6);
    sender.sack(0, 2, 1102);
    sender.board.time_out(&mut sender.flight, sender.nxt, millis(9000), Duration::ZERO, false);
    assert_eq!(sender.hole(), Some((0, 6)), "it has what it does not acknowledge");
}

/// RFC 6582 §3.2.
#[test]
fn duplicates_count_where_nothing_else_is_said() {
    let mut sender = Sender::new(6);
    (0..3).for_each(|_| sender.board.duplicate(MSS));
    assert!(sender.board.is_loss(MSS));
    sender.board.lose_first(&mut sender.flight, at(0), sender.nxt, MSS);
    assert_eq!((sender.hole(), sender.board.pipe(6 * MSS, MSS)), (Some((0, 1)), 2 * MSS));
    sender.again(0, 1, 1200);
    sender.board.lose_first(&mut sender.flight, at(0), sender.nxt, MSS);
    assert_eq!(sender.hole(), None, "it is on its way");
    // A partial acknowledgment of two, one of which was counted.
    sender.board.take_news();
    sender.acknowledge(2, 1300);
    sender.board.lose_first(&mut sender.flight, at(2), sender.nxt, MSS);
    assert_eq!(sender.hole(), Some((2, 1)));
}

proptest! {
    /// What is counted is what there is, whatever is said.
    #[test]
    fn counts_hold(steps in prop::collection::vec((0u8..6, 0usize..40, 1usize..12), 1..80)) {
        let mut sender = Sender::new(40);
        let mut una = 0;
        for (time, (kind, from, length)) in (1100..).step_by(7).zip(steps) {
            let (from, to) = (from.max(una), (from + length).min(40));
            match kind {
                0 if to > una => {
                    una = to;
                    sender.acknowledge(una, time);
                }
                1 | 2 if from < to => sender.sack(from, to, time),
                3 => drop(sender.detect(time, length as u64)),
                4 => while let Some((start, length)) = sender.hole() {
                    sender.again(start, start + length.min(3), time);
                },
                5 if length < 3 => {
                    sender.board.time_out(&mut sender.flight, sender.nxt, millis(time), ROUND_TRIP, length == 2);
                }
                _ => {}
            }
            let (mut sacked, mut lost, mut first) = (0, 0, None);
            sender.flight.clone().acknowledge(sender.nxt, |piece| match piece.run.fate {
                Fate::Sacked => sacked += piece.len(),
                Fate::Lost => {
                    first = first.or(Some((piece.run.start - at(0)) / MSS));
                    lost += piece.len();
                }
                Fate::Flying => {}
            });
            prop_assert_eq!((sacked, lost), (sender.board.sacked, sender.board.lost));
            prop_assert_eq!(sender.hole().map(|(start, _)| start), first, "no hole is passed over");
        }
    }
}
