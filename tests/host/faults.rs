//! A device that fails: each error from each call. The loop does not spin, says so, and goes on when it is over.

use std::io;
use std::io::{ErrorKind, IoSlice};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, unbounded};
use rustix::io::Errno;
use taphouse::base::address::Family;
use taphouse::base::counters::Dropped;
use taphouse::buffer::{Frame, Offload};
use taphouse::device::{Capabilities, Device, Interest, Memory, Received, Waker};
use taphouse::run::{Clock, Doing, Handle, News, Shard};
use taphouse::stack::{Mailbox, Stack};

use crate::packet::{echo, pattern};
use crate::wire::{PLAIN, config};

/// Long enough to see a loop that spins.
const WHILE: Duration = Duration::from_millis(700);
/// What tried this often in that time slept in between: naps double from 1 ms to 100 ms.
const FEW: usize = 30;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Receive,
    Transmit,
    Wait,
}

/// A wire in memory of which one call fails while `on` is set.
struct Faulty {
    wire: Memory,
    call: Call,
    error: Make,
    on: Arc<AtomicBool>,
    calls: Arc<AtomicUsize>,
}

impl Faulty {
    fn at(&self, call: Call) -> io::Result<()> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if call == self.call && self.on.load(Ordering::Relaxed) { Err((self.error)()) } else { Ok(()) }
    }
}

impl Device for Faulty {
    fn capabilities(&self) -> Capabilities {
        self.wire.capabilities()
    }
    fn receive(&mut self, frame: &mut Frame) -> io::Result<Received> {
        self.at(Call::Receive)?;
        self.wire.receive(frame)
    }
    fn transmit(&mut self, head: &mut [u8], offload: Offload, payload: &[IoSlice<'_>]) -> io::Result<bool> {
        self.at(Call::Transmit)?;
        self.wire.transmit(head, offload, payload)
    }
    fn wait(&mut self, _interest: Interest, waker: &Waker, at_most: Option<Duration>) -> io::Result<()> {
        self.at(Call::Wait)?;
        // The wire in memory looks at itself a thousand times a second, which is not what is to be counted here.
        waker.wait(at_most.unwrap_or(WHILE).min(Duration::from_millis(50)))
    }
}

/// A shard on a faulty device, and what is needed to look at it.
struct Running {
    thread: thread::JoinHandle<(taphouse::base::counters::Counters, io::Result<()>)>,
    handle: Handle,
    peer: Memory,
    on: Arc<AtomicBool>,
    calls: Arc<AtomicUsize>,
    news: Receiver<News>,
}

impl Running {
    fn start(call: Call, error: Make) -> Running {
        let (wire, peer) = Memory::pair(PLAIN);
        let (on, calls) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let device = Faulty { wire, call, error, on: on.clone(), calls: calls.clone() };
        let (mailbox, waker) = Mailbox::for_shards(1).unwrap().remove(0);
        let stack = Stack::shard(device, &config(), mailbox).unwrap();
        let (mut shard, handle) = Shard::new(stack, waker, Duration::ZERO);
        let (tell, news) = unbounded();
        shard.tell(tell);
        let thread = thread::spawn(|| shard.run(Clock::new()));
        Running { thread, handle, peer, on, calls, news }
    }

    fn ask(&mut self) {
        assert!(self.peer.send(&echo(Family::V4, &pattern(56)).frame(), Offload::default()));
    }

    #[track_caller]
    fn answered(&mut self) {
        let start = Instant::now();
        while self.peer.take().is_none() {
            assert!(start.elapsed() < Duration::from_secs(10), "no answer");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Makes an error; an error cannot be copied.
type Make = fn() -> io::Error;

const PASSING: [(&str, Make); 6] = [
    ("EIO", || Errno::IO.into()),
    ("ENOBUFS", || Errno::NOBUFS.into()),
    ("ENOMEM", || Errno::NOMEM.into()),
    ("EINVAL", || Errno::INVAL.into()),
    ("EAGAIN, though a device says that otherwise", || Errno::AGAIN.into()),
    ("a short write", || ErrorKind::WriteZero.into()),
];

#[test]
fn an_error_that_may_pass_is_waited_for_without_spinning() {
    for call in [Call::Receive, Call::Transmit, Call::Wait] {
        // All at once, because each of them takes its time.
        thread::scope(|scope| {
            for (name, error) in PASSING {
                scope.spawn(move || passes(call, name, error));
            }
        });
    }
}

#[track_caller]
fn passes(call: Call, name: &str, error: Make) {
    let mut host = Running::start(call, error);
    host.ask();
    host.answered();
    host.on.store(true, Ordering::Relaxed);
    host.ask();
    thread::sleep(WHILE);
    let before = host.calls.load(Ordering::Relaxed);
    thread::sleep(WHILE);
    let calls = host.calls.load(Ordering::Relaxed) - before;
    // A turn that finds nothing costs two calls: to receive, to wait.
    assert!(calls < 2 * FEW, "{name} of {call:?}: {calls} calls in {WHILE:?}");
    let counters = host.handle.counters(Duration::from_secs(5)).expect("it answers while its device fails");
    assert_eq!(counters.dropped(Dropped::DeviceError), u64::from(call == Call::Transmit), "{name} of {call:?}");

    host.on.store(false, Ordering::Relaxed);
    host.ask();
    host.answered();
    thread::sleep(Duration::from_millis(200));
    host.handle.stop();
    let (_, ended) = host.thread.join().unwrap();
    assert!(ended.is_ok(), "{name} of {call:?}: {ended:?}");
    let news: Vec<News> = host.news.iter().collect();
    let [News::Failing(doing, why), News::Works] = news.as_slice() else { panic!("{name} of {call:?}: {news:?}") };
    let expected = match call {
        Call::Receive => Doing::Receiving,
        Call::Transmit => Doing::Sending,
        Call::Wait => Doing::Waiting,
    };
    assert_eq!((*doing, why.to_string()), (expected, error().to_string()));
}

#[test]
fn a_device_that_is_gone_ends_the_shard() {
    for call in [Call::Receive, Call::Wait] {
        let host = Running::start(call, || Errno::BADFD.into());
        host.on.store(true, Ordering::Relaxed);
        let (_, ended) = host.thread.join().unwrap();
        assert_eq!(ended.unwrap_err().raw_os_error(), Some(Errno::BADFD.raw_os_error()), "{call:?}");
        assert_eq!(host.news.iter().count(), 0, "its end says it");
    }
}

/// A flood of answers that cannot be sent is one line, and counted one by one.
#[test]
fn what_cannot_be_sent_is_counted_and_told_once() {
    let mut host = Running::start(Call::Transmit, || Errno::NOBUFS.into());
    host.on.store(true, Ordering::Relaxed);
    (0..500).for_each(|_| host.ask());
    let start = Instant::now();
    let lost = |host: &Running| {
        let counters = host.handle.counters(Duration::from_secs(5)).expect("it runs");
        counters.dropped(Dropped::DeviceError)
    };
    while lost(&host) < 500 {
        assert!(start.elapsed() < Duration::from_secs(10), "{} of 500", lost(&host));
        thread::sleep(Duration::from_millis(5));
    }
    host.handle.stop();
    assert!(host.thread.join().unwrap().1.is_ok());
    assert_eq!(host.news.iter().count(), 1);
}
