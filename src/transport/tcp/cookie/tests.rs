use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::base::address::{Address, Endpoint};
use crate::transport::tcp::{Segmentation, State};
use crate::wire::tcp_options::{Options, Timestamps};

const LINK: u16 = 9000;
const PATH: Path = Path {
    mss: LINK,
    link_mss: LINK,
    superframe: 65_000,
    segmentation: Segmentation::BySoftware,
    dont_fragment: true,
    larger: None,
};

fn flow(port: u16) -> Flow {
    let end = |last, port| Endpoint { address: Address::from_v4([10, 77, 0, last]), port };
    Flow { local: end(2, 80), remote: end(1, port) }
}

/// What a SYN may say.
fn any_syn() -> impl Strategy<Value = Segment> {
    let options = (any::<Option<u16>>(), any::<Option<u8>>(), any::<bool>(), any::<Option<u32>>());
    (any::<u32>(), options).prop_map(|(sequence, (maximum_segment_size, window_scale, sack_permitted, clock))| {
        let timestamps = clock.map(|value| Timestamps { value, echo: 0 });
        let options = Options { maximum_segment_size, window_scale, sack_permitted, timestamps, ..Options::default() };
        Segment { sequence: SeqNumber(sequence), flags: flag::SYN, window: 5000, options, ..Segment::default() }
    })
}

fn cookies(now: Instant) -> (Cookies, Random) {
    let (mut cookies, mut random) = (Cookies::default(), Random::new([3; 16]));
    cookies.renew(&mut random, now);
    (cookies, random)
}

/// The acknowledgment of who got this answer to this SYN.
fn acknowledgment(syn: &Segment, answer: &Reply) -> Segment {
    let echo = |shown: Timestamps| Timestamps { value: syn.options.timestamps.unwrap().value, echo: shown.value };
    let options = Options { timestamps: answer.options.timestamps.map(echo), ..Options::default() };
    let (sequence, acknowledgment) = (answer.acknowledgment, answer.sequence + 1);
    Segment { sequence, acknowledgment, flags: flag::ACK, window: 700, options, ..Segment::default() }
}

proptest! {
    #[test]
    fn what_a_cookie_says_comes_back(syn in any_syn(), clock in any::<u32>(), millis in 0u64..1 << 40) {
        let now = Instant::from_millis(millis);
        let (cookies, _) = cookies(now);
        let tuning = Arc::new(Tuning::default());
        let answer = cookies.answer(&flow(1), &syn, clock, &tuning, PATH, now).unwrap();
        let later = now + Duration::from_millis(300);
        let last = acknowledgment(&syn, &answer);
        let opened = cookies.open(&flow(1), &last, clock, &tuning, LINK, later).unwrap();
        prop_assert_eq!(opened.state(), State::Established);
        prop_assert_eq!((opened.snd.una, opened.rcv.nxt), (last.acknowledgment, last.sequence));
        let offered = syn.options.maximum_segment_size.unwrap_or(536).max(limits::MSS_LEAST);
        prop_assert!(opened.snd.mss <= offered, "never more than the peer takes");
        prop_assert!(SIZES.iter().all(|size| *size > offered || *size <= opened.snd.mss), "nor less than can be said");
        let has_clock = syn.options.timestamps.is_some();
        // Both ends agree on the same.
        let scale = syn.options.window_scale.filter(|_| has_clock).map(|scale| scale.min(14));
        prop_assert_eq!(answer.options.window_scale.is_some(), scale.is_some());
        prop_assert_eq!((opened.snd.scale, opened.rcv.scale > 0), (scale.unwrap_or(0), scale.is_some()));
        prop_assert_eq!(opened.selective, syn.options.sack_permitted && has_clock);
        prop_assert_eq!(answer.options.sack_permitted, opened.selective);
        prop_assert_eq!(opened.clock.is_some(), has_clock);
        if let (Some(shown), Some(ours)) = (answer.options.timestamps, opened.clock) {
            prop_assert!(ours.now(later).wrapping_sub(shown.value) as i32 >= 300, "our clock does not run backwards");
        }
    }

    #[test]
    fn what_was_changed_opens_nothing(syn in any_syn(), bit in 0u32..32, clock in any::<u32>()) {
        let (now, tuning) = (Instant::ZERO, Arc::new(Tuning::default()));
        let (cookies, _) = cookies(now);
        let answer = cookies.answer(&flow(1), &syn, clock, &tuning, PATH, now).unwrap();
        let last = acknowledgment(&syn, &answer);
        let opens = |flow: &Flow, segment: &Segment| cookies.open(flow, segment, clock, &tuning, LINK, now).is_some();
        prop_assert!(opens(&flow(1), &last));
        prop_assert!(!opens(&flow(2), &last));
        let changed = SeqNumber(last.sequence.0 ^ 1 << bit);
        let other = Segment { sequence: changed, ..last.clone() };
        prop_assert!(!opens(&flow(1), &other));
        let changed = SeqNumber(last.acknowledgment.0 ^ 1 << bit);
        let other = Segment { acknowledgment: changed, ..last.clone() };
        prop_assert!(!opens(&flow(1), &other));
        let mut other = last.clone();
        if let Some(clocks) = &mut other.options.timestamps {
            clocks.echo ^= 1 << (bit % CLOCK_BITS);
            prop_assert!(!opens(&flow(1), &other));
            other.options.timestamps = None;
            prop_assert!(!opens(&flow(1), &other));
        }
        for flags in [flag::SYN | flag::ACK, flag::RST | flag::ACK, flag::FIN, 0] {
            let other = Segment { flags, ..last.clone() };
            prop_assert!(!opens(&flow(1), &other));
        }
    }
}

#[test]
fn a_cookie_is_believed_for_a_minute_and_forgotten_after_two() {
    let (mut cookies, mut random) = cookies(Instant::ZERO);
    let at = |seconds: u64| Instant::from_millis(1000 * seconds);
    let (syn, tuning) = (Segment { flags: flag::SYN, ..Segment::default() }, Arc::new(Tuning::default()));
    let answer = cookies.answer(&flow(1), &syn, 0, &tuning, PATH, at(0)).unwrap();
    let last = acknowledgment(&syn, &answer);
    let opens = |cookies: &Cookies, seconds| cookies.open(&flow(1), &last, 0, &tuning, LINK, at(seconds)).is_some();
    for seconds in 0..300 {
        if seconds % 7 == 0 {
            cookies.renew(&mut random, at(seconds));
        }
        assert_eq!(opens(&cookies, seconds), seconds < 120, "{seconds}");
        assert!(cookies.are_out(at(seconds)));
    }
    assert!(!cookies.are_out(at(500)), "nobody asks when there is no flood");
}

/// The cookie secret (RFC 4987 §3.6): many cookies say nothing of the next one, and no two hosts have the same.
#[test]
fn cookies_are_not_to_be_guessed() {
    let (now, tuning) = (Instant::ZERO, Tuning::default());
    let (mine, mut random) = cookies(now);
    let mut other = Cookies::default();
    other.renew(&mut random, now);
    let syn = Segment { flags: flag::SYN, ..Segment::default() };
    let number = |cookies: &Cookies, port| cookies.answer(&flow(port), &syn, 0, &tuning, PATH, now).unwrap().sequence.0;
    let numbers: std::collections::HashSet<u32> = (0..4000).map(|port| number(&mine, port) >> SIZE_BITS).collect();
    assert!(numbers.len() > 3990);
    let steps: std::collections::HashSet<u32> =
        (0..4000).map(|port| number(&mine, port + 1).wrapping_sub(number(&mine, port))).collect();
    assert!(steps.len() > 3990);
    assert!((0..4000).filter(|port| number(&mine, *port) == number(&other, *port)).count() < 2);
}
