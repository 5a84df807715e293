use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use taphouse::application::{Answer, Batch, Datagrams, Io};
use taphouse::base::address::Flow;
use taphouse::base::counters::{Counters, Dropped};
use taphouse::base::limits;
use taphouse::buffer::{Block, Checksum};

use crate::fragments::is_fragment;
use crate::reading::{read_offloaded, read_unsummed};
use crate::samples::{Sample, any_sample, damaged};
use crate::wire::{Host, OFFLOADS, PLAIN, config};

/// Keeps a datagram until the next one comes.
pub(crate) struct Slow(pub(crate) Option<Block>);

impl Datagrams for Slow {
    fn on_datagrams(&mut self, flow: &Flow, batch: Batch<'_>, io: &mut Io<'_>) -> Answer {
        let last = self.0.take();
        if let Some(block) = last {
            let bytes = block.frame().bytes().len().to_be_bytes();
            // Whoever comes next gets to know how long the one before was.
            let sent = io.reply(flow, &bytes);
            io.release(block);
            return sent.map_or(Answer::Drop(Dropped::OutboxFull), |()| Answer::Done);
        }
        self.0 = io.take(batch).ok();
        Answer::Done
    }
}

/// A frame is counted as answered, delivered, heard or dropped, once. What becomes of the answer to a delivered datagram
/// is counted besides.
fn check_counted(before: &Counters, after: &Counters) {
    assert_eq!(after.frames_received, before.frames_received + 1);
    assert_eq!(after.frames_ended(), after.frames_in(), "{before}\n{after}");
    let unsent = after.unsent - before.unsent;
    let datagrams = after.datagrams_received - before.datagrams_received;
    assert!(unsent <= datagrams, "more drops than answers: {before}\n{after}");
}

fn run(mut host: Host, samples: Vec<Sample>) {
    host.stack.bind(2000, Box::new(Slow(None))).unwrap();
    for (frame, offload) in samples {
        let before = host.counters().clone();
        let told = offload.checksum;
        host.give(&frame, offload);
        for (answer, offload) in host.turn() {
            // What was larger than the link takes is answered in fragments.
            if answer[12..14] != [8, 6] && answer[12..14] != [0x80, 0x35] && !is_fragment(&answer) {
                // Where the device kept a wrong sum to itself, the answer has it too.
                if told == Checksum::Complete {
                    read_offloaded(&answer, offload)
                } else {
                    read_unsummed(&answer)
                };
            }
        }
        check_counted(&before, host.counters());
        host.now = host.now + Duration::from_micros(50);
    }
    host.pass(limits::REASSEMBLY_TIMEOUT);
    // Everybody is given up, and whoever holds something is asked for it.
    for _ in 0..4 {
        host.pass(Duration::from_secs(4));
    }
    if host.stack.memory_pinned() > 0 {
        let asks = crate::packet::udp(crate::packet::BOTH[0], 5000, 2000, b"").frame();
        host.give(&asks, Default::default());
        host.turn();
    }
    for _ in 0..4 {
        host.pass(Duration::from_secs(4));
    }
    assert_eq!(host.stack.memory_pinned(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn damaged_frames_are_counted_once_and_break_nothing(samples in vec(damaged(), 10..30)) {
        run(Host::new(OFFLOADS, &config()), samples.clone());
        run(Host::new(PLAIN, &config()), samples);
    }

    #[test]
    fn a_mix_of_valid_and_damaged_frames_is_counted_once(samples in vec(any_sample(), 1..40)) {
        run(Host::new(OFFLOADS, &config()), samples);
    }
}
