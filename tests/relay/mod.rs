//! A path as bad as somebody wants it, between two TAPs: the simulator's links in real time, so that the kernel and
//! `taphouse` can be measured on the same path.

use std::error::Error;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::Errno;
use taphouse::base::random::Random;
use taphouse::base::time::Instant;
use taphouse::buffer::{CAPACITY, DEVICE_ROOM, Frame, Offload};
use taphouse::device::host::{Link as Interface, LinkLocal};
use taphouse::device::{Device, Namespace, Plain, Received, TapOptions};
use taphouse::run::Clock;

use crate::impair::{Conditions, Link, set_out};

/// A relay that runs. It ends when this is dropped, and its TAPs go with it.
pub(crate) struct Relay {
    thread: Option<JoinHandle<Relayed>>,
    ends: Arc<AtomicBool>,
    seeds: Sender<u64>,
    /// Readable when it is to look at `ends`.
    told: Arc<OwnedFd>,
}

/// What a relay did.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Relayed {
    /// Frames that came, from either side.
    pub(crate) came: u64,
    /// Frames that were delivered.
    pub(crate) delivered: u64,
    /// Frames that the other side did not take: its interface is not up.
    pub(crate) refused: u64,
}

impl Relay {
    /// Makes a TAP on either side, without offloads so that a frame is one on the wire, and relays what comes through one
    /// to the other. `conditions[n]` are those of what comes from side `n`.
    ///
    /// # Errors
    /// A TAP cannot be made or set up; one line that says why.
    pub(crate) fn start(
        sides: [(Namespace, &str); 2],
        mtu: usize,
        conditions: [Conditions; 2],
    ) -> Result<Relay, Box<dyn Error>> {
        let open = |(namespace, name): (Namespace, &str)| -> Result<Plain, Box<dyn Error>> {
            let tap = Plain::open(&TapOptions { name: name.to_owned(), namespace: namespace.clone(), queues: 1, mtu })?;
            let mut link = Interface::open(&namespace, name)?;
            link.set_mtu(mtu)?;
            link.set_up(LinkLocal::Kernel)?;
            Ok(tap)
        };
        let [one, other] = sides;
        let taps = [open(one)?, open(other)?];
        let (told, ends) = (Arc::new(eventfd(0, EventfdFlags::CLOEXEC)?), Arc::<AtomicBool>::default());
        let clock = Clock::new();
        let links = conditions.map(Link::new);
        let (seeds, seed) = channel();
        let path = Path { taps, links, randoms: randoms(5), seed, relayed: Relayed::default() };
        let (hears, is_over) = (told.clone(), ends.clone());
        let run = move || path.run(clock, &hears, &is_over).expect("both TAPs are there");
        Ok(Relay { thread: Some(thread::spawn(run)), ends, seeds, told })
    }

    /// Lets what happens to frames from now on follow from `seed`: to whom it is given anew, the same frames are lost, counted
    /// from here in each direction.
    #[allow(dead_code, reason = "two programs share the relay, and one of them compares nobody")]
    pub(crate) fn seed(&self, seed: u64) {
        self.seeds.send(seed).expect("it runs");
    }

    /// Ends it.
    pub(crate) fn end(mut self) -> Relayed {
        self.stop().expect("it runs").expect("it does not panic")
    }

    fn stop(&mut self) -> Option<thread::Result<Relayed>> {
        self.ends.store(true, Ordering::Relaxed);
        let _ = rustix::io::write(&self.told, &1u64.to_ne_bytes());
        self.thread.take().map(JoinHandle::join)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // If it panicked it said so.
        let _ = self.stop();
    }
}

fn randoms(seed: u64) -> [Random; 2] {
    [0, 1].map(|side| Random::new(((u128::from(seed) << 1) + side).to_le_bytes()))
}

/// Both ends, and what is on its way between them.
struct Path {
    taps: [Plain; 2],
    /// `links[n]` leads away from side `n`.
    links: [Link; 2],
    /// One for each link, so that what is lost one way does not depend on how much goes the other.
    randoms: [Random; 2],
    seed: Receiver<u64>,
    relayed: Relayed,
}

impl Path {
    fn run(mut self, clock: Clock, told: &OwnedFd, ends: &AtomicBool) -> io::Result<Relayed> {
        let mut frame = Frame::new(CAPACITY);
        while !ends.load(Ordering::Relaxed) {
            if let Some(seed) = self.seed.try_iter().last() {
                self.randoms = randoms(seed);
            }
            for side in 0..2 {
                self.take_in(side, &mut frame, clock)?;
            }
            let now = clock.now();
            for side in 0..2 {
                self.deliver(side, now);
            }
            let next = self.links.iter().filter_map(Link::next).min();
            self.wait(next.map(|next| next - clock.now()), told)?;
        }
        Ok(self.relayed)
    }

    /// Some frames that came from one side; more wait in the kernel's queue, which is bounded.
    fn take_in(&mut self, side: usize, frame: &mut Frame, clock: Clock) -> io::Result<()> {
        for _ in 0..64 {
            match self.taps[side].receive(frame)? {
                Received::Nothing => return Ok(()),
                Received::Refused(_) => {}
                Received::Frame => {
                    self.relayed.came += 1;
                    set_out(&mut self.links, side, frame.bytes().to_vec(), clock.now(), &mut self.randoms[side]);
                }
            }
        }
        Ok(())
    }

    /// What has arrived at the other side.
    fn deliver(&mut self, side: usize, now: Instant) {
        while self.links[side].next().is_some_and(|at| at <= now) {
            let Some(bytes) = self.links[side].take() else { return };
            let mut head = vec![0; DEVICE_ROOM];
            head.extend(bytes);
            match self.taps[1 - side].transmit(&mut head, Offload::default(), &[]) {
                Ok(true) => self.relayed.delivered += 1,
                Ok(false) | Err(_) => self.relayed.refused += 1,
            }
        }
    }

    fn wait(&self, at_most: Option<Duration>, told: &OwnedFd) -> io::Result<()> {
        let at_most = at_most.and_then(|span| Timespec::try_from(span).ok());
        let [one, other] = self.taps.each_ref().map(|tap| PollFd::from_borrowed_fd(tap.as_fd(), PollFlags::IN));
        match poll(&mut [one, other, PollFd::new(told, PollFlags::IN)], at_most.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}
