//! Never panics: a million mutated frames a run, and every frame of every capture that is to be had, through all parsers
//! and through whole hosts. The same stories are told by a fuzzer, see `fuzz/`.

mod captures;
mod frames;
#[allow(dead_code, reason = "nothing but memory is needed here")]
#[path = "../lab/ground.rs"]
mod ground;
mod hosts;
mod parsers;
mod script;

/// Frames in one run, over all kinds of hosts.
const FRAMES: usize = 1_000_000;

/// The same bytes every time (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count.div_ceil(8)).flat_map(|_| self.roll().to_le_bytes()).collect()
    }
}

/// Tells stories with seeds of their own until `share` of all frames were told.
fn tell(seed: u64, share: usize, host: impl Fn(&[u8], &[Vec<u8>])) {
    let valid = frames::valid();
    let mut dice = Dice(seed);
    let mut told = 0;
    while told < FRAMES / share {
        let bytes = dice.bytes(32 * 1024);
        let frames: Vec<Vec<u8>> = script::Script::new(&bytes, &valid).map(|step| step.frame).collect();
        told += frames.len();
        for frame in frames {
            parsers::link(&frame);
            let packet = frame.get(14..).unwrap_or_default();
            parsers::internet(packet);
            let transport = if packet.first().is_some_and(|first| first >> 4 == 4) { 20 } else { 40 };
            parsers::internet(packet.get(transport..).unwrap_or_default());
            parsers::transport(packet.get(transport..).unwrap_or_default());
            parsers::transport(packet.get(transport + 8..).unwrap_or_default());
        }
        host(&bytes, &valid);
    }
}

#[test]
fn half_a_million_mutants_come_to_hosts() {
    tell(1, 2, hosts::alone);
}

#[test]
fn a_quarter_of_a_million_comes_to_shards() {
    tell(2, 4, hosts::sharded);
}

#[test]
fn a_quarter_of_a_million_is_repeated() {
    tell(3, 4, hosts::repeated);
}

#[test]
fn what_was_not_damaged_is_answered_and_delivered() {
    let counters = hosts::counters_of(&frames::valid());
    assert_eq!(counters.frames_received, frames::valid().len() as u64);
    for (name, value) in [
        ("arp", counters.arp_answered),
        ("rarp", counters.rarp_answered),
        ("echo", counters.echo_answered),
        ("ndp", counters.ndp_answered),
        ("heard", counters.neighbors_heard),
        ("advertisements", counters.advertisements),
        ("groups", counters.groups_heard),
        ("offers", counters.dropped(taphouse::base::counters::Dropped::DhcpNotForUs)),
        ("errors", counters.errors_sent),
        ("errors heard", counters.errors_received),
        ("resets", counters.resets_sent),
        ("delivered", counters.frames_delivered),
    ] {
        assert!(value > 0, "{name}: the frames are what they are meant to be\n{counters}");
    }
}
