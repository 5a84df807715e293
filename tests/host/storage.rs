//! Sessions that let storage threads work: two hosts, a wire, a real disk and real threads, or a disk in memory.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{fs, thread};

use crossbeam_channel::{Receiver, Sender, bounded};
use taphouse::application::{Data, Io, Session, Stream, Used};
use taphouse::base::address::{Address, Endpoint, Mac};
use taphouse::base::limits::{FRAMES_A_TURN, WORK};
use taphouse::base::stream::{Ending, Gone};
use taphouse::base::time::Instant;
use taphouse::device::Memory;
use taphouse::run::{Folders, Storage};
use taphouse::stack::journal::{Recording, Replay};
use taphouse::stack::{Config, Order, Stack};

use crate::disk::Disk;
use crate::packet::{PEER_MAC, PEER_V4, STACK_V4, pattern};
use crate::shelf::Shelf;
use crate::wire::{Frames, PLAIN, config};

const SERVES: u16 = 100;
const STORES: u16 = 200;

/// What a client got, and how it ended.
#[derive(Clone, Default)]
pub(crate) struct Got {
    pub(crate) bytes: Vec<u8>,
    pub(crate) ending: Option<Ending>,
}

/// Sends bytes, reads to the end, or gives up after so many.
struct Client {
    sends: Vec<u8>,
    sent: usize,
    gives_up_after: usize,
    got: Arc<Mutex<Got>>,
}

impl Client {
    fn send(&mut self, stream: &mut Stream<'_>) {
        self.sent += stream.write(&self.sends[self.sent..]);
        if self.sent >= self.gives_up_after {
            stream.abort();
        } else if self.sent == self.sends.len() {
            stream.close();
        }
    }
}

impl Session for Client {
    fn on_open(&mut self, stream: &mut Stream<'_>) {
        self.send(stream);
    }

    fn on_data(&mut self, data: Data<'_>, stream: &mut Stream<'_>) -> Used {
        let mut got = self.got.lock().unwrap();
        got.bytes.extend_from_slice(data.bytes());
        if got.bytes.len() >= self.gives_up_after {
            stream.abort();
        }
        Used::Bytes(data.len())
    }

    fn on_room(&mut self, stream: &mut Stream<'_>) {
        self.send(stream);
    }

    fn on_end(&mut self, _stream: &mut Stream<'_>) {}

    fn on_gone(&mut self, ending: Ending, _io: &mut Io<'_>) {
        self.got.lock().unwrap().ending = Some(ending);
    }
}

/// Who does what sessions ask storage threads for.
enum Keeper {
    Threads(Option<Storage>),
    Disk(Disk, Receiver<Order>),
}

/// A host that keeps files, one that wants them, and what goes over the wire between them.
pub(crate) struct Lab {
    pub(crate) folder: tempfile::TempDir,
    keeper: Keeper,
    pub(crate) server: Stack<Memory>,
    pub(crate) client: Stack<Memory>,
    wires: [Memory; 2],
    /// What the server sent.
    sent: Frames,
    started: std::time::Instant,
}

impl Lab {
    pub(crate) fn new() -> Lab {
        let folder = tempfile::tempdir().unwrap();
        let folders = Folders::open(&[folder.path().to_owned()]).unwrap_or_else(|(_, why)| panic!("{why}"));
        let storage = Storage::start(folders).unwrap();
        let orders = storage.orders();
        Lab::with(folder, Keeper::Threads(Some(storage)), orders)
    }

    /// The same with a disk in memory, whose steps come in one order.
    pub(crate) fn on(disk: Disk) -> Lab {
        let (orders, work) = bounded(WORK);
        Lab::with(tempfile::tempdir().unwrap(), Keeper::Disk(disk, work), vec![orders])
    }

    fn with(folder: tempfile::TempDir, keeper: Keeper, orders: Vec<Sender<Order>>) -> Lab {
        let (device, server_wire) = Memory::pair(PLAIN);
        let mut server = Stack::new(device, &config()).unwrap();
        server.set_storage(orders);
        serve(&mut server);
        let (device, client_wire) = Memory::pair(PLAIN);
        let own = format!("{PEER_V4}/24").parse().unwrap();
        let client = Stack::new(device, &Config::new(Mac::new(PEER_MAC), &[own], [9; 16])).unwrap();
        let (wires, started) = ([server_wire, client_wire], std::time::Instant::now());
        Lab { folder, keeper, server, client, wires, sent: Vec::new(), started }
    }

    /// The disk in memory on which it was made.
    #[track_caller]
    pub(crate) fn disk(&self) -> &Disk {
        match &self.keeper {
            Keeper::Disk(disk, _) => disk,
            Keeper::Threads(_) => panic!("its disk is a real one"),
        }
    }

    /// Whether its power was cut.
    pub(crate) fn has_stopped(&self) -> bool {
        matches!(&self.keeper, Keeper::Disk(disk, _) if disk.has_stopped())
    }

    pub(crate) fn connect(&mut self, port: u16, sends: Vec<u8>, gives_up_after: usize) -> Arc<Mutex<Got>> {
        let got = Arc::<Mutex<Got>>::default();
        let remote = Endpoint { address: Address::from_v4(STACK_V4.octets()), port };
        let client = Client { sends, sent: 0, gives_up_after, got: got.clone() };
        self.client.connect(remote, Box::new(client)).unwrap();
        got
    }

    pub(crate) fn turn(&mut self) {
        let now = Instant::ZERO + Duration::from_secs(1) + self.started.elapsed();
        let [server, client] = &mut self.wires;
        self.server.turn(now).unwrap();
        self.client.turn(now).unwrap();
        if let Keeper::Disk(disk, work) = &mut self.keeper {
            disk.work(work);
        }
        // Less than a turn takes, so that no wire gets full but those from which this is taken.
        let some = FRAMES_A_TURN;
        let sent: Frames = std::iter::from_fn(|| server.take()).take(some).collect();
        let asked: Frames = std::iter::from_fn(|| client.take()).take(some).collect();
        sent.iter().for_each(|(frame, offload)| assert!(client.send(frame, *offload)));
        asked.iter().for_each(|(frame, offload)| assert!(server.send(frame, *offload)));
        let quiet = sent.is_empty() && asked.is_empty();
        self.sent.extend(sent);
        if quiet && matches!(self.keeper, Keeper::Threads(_)) {
            thread::sleep(Duration::from_micros(50));
        }
    }

    /// Lets time go by in which nothing happens.
    pub(crate) fn wait(&mut self, span: Duration) {
        self.started -= span;
    }

    /// Turns until `done` says so.
    #[track_caller]
    pub(crate) fn drive(&mut self, mut done: impl FnMut(&Lab) -> bool) {
        let end = std::time::Instant::now() + Duration::from_secs(60);
        while !done(self) {
            assert!(std::time::Instant::now() < end, "{}\n{}", self.server.counters(), self.client.counters());
            self.turn();
        }
    }

    /// Turns until all are gone, and nothing is left of them: no memory, no file.
    #[track_caller]
    fn finish(&mut self, all: &[Arc<Mutex<Got>>]) -> Vec<Got> {
        self.drive(|_| all.iter().all(|one| one.lock().unwrap().ending.is_some()));
        self.drive(|lab| lab.server.connections() == 0 && lab.server.memory_pinned() == 0);
        let folder = self.folder.path().to_owned();
        self.drive(|_| open_below(&folder) == 1);
        all.iter().map(|one| one.lock().unwrap().clone()).collect()
    }

    pub(crate) fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.folder.path().join(name), bytes).unwrap();
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // The stack has a way to the threads, which end when nobody has one any more.
        self.server.set_storage(Vec::new());
        if let Keeper::Threads(storage) = &mut self.keeper
            && let Some(storage) = storage.take()
        {
            storage.end();
        }
    }
}

fn serve<D: taphouse::device::Device>(stack: &mut Stack<D>) {
    stack.listen(SERVES, Box::new(Shelf::Serves(0))).unwrap();
    stack.listen(STORES, Box::new(Shelf::Stores(0))).unwrap();
}

/// How many descriptors of this process lie in a folder or are it.
fn open_below(folder: &Path) -> usize {
    let open = fs::read_dir("/proc/self/fd").unwrap().filter_map(Result::ok);
    open.filter_map(|entry| fs::read_link(entry.path()).ok()).filter(|path| path.starts_with(folder)).count()
}

fn closed(got: &Got) -> bool {
    got.ending == Some(Ending { why: Gone::Closed, unacknowledged: 0 })
}

/// Several MiB that are no multiple of anything, of another content for each number.
fn content(number: usize, mebibytes: usize) -> Vec<u8> {
    let mut bytes = pattern((mebibytes << 20) + 4321);
    bytes.iter_mut().zip(0usize..).for_each(|(byte, at)| *byte ^= (at >> 8) as u8 ^ number as u8);
    bytes
}

#[test]
fn files_are_served_whole() {
    let mut lab = Lab::new();
    let files: Vec<_> = (0..12).map(|number| content(number, 1 + number % 4)).collect();
    files.iter().zip(0..).for_each(|(file, number): (_, usize)| lab.put(&number.to_string(), file));
    let all: Vec<_> = files.iter().map(|_| lab.connect(SERVES, Vec::new(), usize::MAX)).collect();
    for got in lab.finish(&all) {
        assert!(closed(&got), "{:?}", got.ending);
        // Connections open in any order.
        assert!(files.contains(&got.bytes), "{} bytes", got.bytes.len());
    }
}

#[test]
fn an_empty_file_and_none_at_all() {
    let mut lab = Lab::new();
    lab.put("0", b"");
    let first = lab.connect(SERVES, Vec::new(), usize::MAX);
    let got = lab.finish(&[first]).remove(0);
    assert!(closed(&got) && got.bytes.is_empty());
    let second = lab.connect(SERVES, Vec::new(), usize::MAX);
    let got = lab.finish(&[second]).remove(0);
    assert_eq!(got.ending.map(|ending| ending.why), Some(Gone::Reset));
}

#[test]
fn what_is_sent_is_stored_whole() {
    let mut lab = Lab::new();
    let files: Vec<_> = (0..12).map(|number| content(number, 1 + number % 4)).collect();
    let all: Vec<_> = files.iter().map(|file| lab.connect(STORES, file.clone(), usize::MAX)).collect();
    for got in lab.finish(&all) {
        assert!(closed(&got), "{:?}", got.ending);
        assert_eq!(got.bytes, b"stored");
    }
    let mut stored: Vec<_> =
        (0..12).map(|number| fs::read(lab.folder.path().join(format!("{number}.stored"))).unwrap()).collect();
    let mut files = files;
    stored.sort();
    files.sort();
    assert!(stored == files, "every byte of them");
    assert_eq!(fs::read_dir(lab.folder.path()).unwrap().count(), 12);
}

#[test]
fn a_connection_that_is_torn_down_leaves_nothing() {
    let mut lab = Lab::new();
    let mut all = Vec::new();
    for number in 0..8 {
        lab.put(&number.to_string(), &content(number, 3));
        let after = 200_000 * (number + 1);
        all.push(lab.connect(SERVES, Vec::new(), after));
        all.push(lab.connect(STORES, content(number, 3), after));
    }
    for got in lab.finish(&all) {
        assert_eq!(got.ending.map(|ending| ending.why), Some(Gone::Aborted));
    }
    let left = fs::read_dir(lab.folder.path()).unwrap().filter_map(Result::ok);
    let parts: Vec<_> = left.map(|entry| entry.file_name()).filter(|name| name.len() > 1).collect();
    assert!(parts.is_empty(), "what a session asked for as it went was done: {parts:?}");
}

#[test]
fn without_threads_work_is_refused_at_once() {
    let mut lab = Lab::new();
    let (device, _wire) = Memory::pair(PLAIN);
    let mut alone = Stack::new(device, &config()).unwrap();
    struct Asks(Arc<Mutex<Option<bool>>>);
    impl taphouse::application::Datagrams for Asks {
        fn on_datagrams(
            &mut self,
            _flow: &taphouse::base::address::Flow,
            _batch: taphouse::application::Batch<'_>,
            io: &mut Io<'_>,
        ) -> taphouse::application::Answer {
            let refused = io.ask(0, taphouse::application::Work::Remove(crate::shelf::place("x"))).is_err();
            *self.0.lock().unwrap() = Some(refused);
            taphouse::application::Answer::Done
        }
    }
    let refused = Arc::new(Mutex::new(None));
    alone.bind(1, Box::new(Asks(refused.clone()))).unwrap();
    lab.server.bind(1, Box::new(Asks(refused.clone()))).unwrap();
    lab.wires[0].send(&crate::packet::udp(crate::packet::BOTH[0], 5000, 1, b"x").frame(), Default::default());
    lab.turn();
    assert_eq!(*refused.lock().unwrap(), Some(true), "nobody could be told");
}

/// Nobody waits for a channel that is full, and who answers no more is not waited for either.
#[test]
fn a_thread_that_hangs_and_goes_stops_no_loop_and_keeps_no_memory() {
    let mut lab = Lab::new();
    let (orders, hangs) = crossbeam_channel::bounded(1);
    lab.server.set_storage(vec![orders]);
    let all: Vec<_> = (0..40).map(|_| lab.connect(SERVES, Vec::new(), usize::MAX)).collect();
    lab.drive(|lab| lab.server.connections() == 40);
    (0..20).for_each(|_| lab.turn());
    assert!(lab.server.memory_pinned() > 0, "blocks stay charged while they wait");
    assert!(lab.server.deadline().is_some(), "it tries again");
    drop(hangs);
    for got in lab.finish(&all) {
        assert_eq!(got.ending.map(|ending| ending.why), Some(Gone::Reset));
    }
}

#[test]
fn a_run_with_a_disk_is_repeated_without_one() {
    let mut lab = Lab::new();
    let recording = Recording::default();
    lab.server.keep_journal(Box::new(recording.clone()));
    (0..3).for_each(|number| lab.put(&number.to_string(), &content(number, 1)));
    let mut all = Vec::new();
    for number in 0..3 {
        all.push(lab.connect(SERVES, Vec::new(), if number == 2 { 100_000 } else { usize::MAX }));
        all.push(lab.connect(STORES, content(number, 1), usize::MAX));
    }
    lab.finish(&all);
    let mut again = Stack::new(Replay::new(&recording, PLAIN), &config()).unwrap();
    again.had_storage();
    serve(&mut again);
    while again.repeat().expect("it takes the same way") {}
    assert!(again.device_mut().sent() == lab.sent, "to the bit");
    assert_eq!(again.memory_pinned(), 0);
}
