//! `taphouse` in the lab.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::lab::Lab;
use crate::program::{Ended, Program, command};

/// Its addresses, unless it is told others.
pub(crate) const V4: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 2));
pub(crate) const V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 2));
pub(crate) const BOTH: [IpAddr; 2] = [V4, V6];
/// The host's.
pub(crate) const HOST: [&str; 2] = ["10.77.0.1", "fd77::1"];
/// The services' ports.
pub(crate) const ECHO: u16 = 7;
pub(crate) const DISCARD: u16 = 9;
pub(crate) const CHARGEN: u16 = 19;

/// A `taphouse` that is ready.
pub(crate) struct House {
    pub(crate) program: Program,
    /// Its one line on stdout.
    pub(crate) ready: String,
    /// How long it took to say that.
    pub(crate) took: Duration,
}

/// The program under test.
pub(crate) fn taphouse(arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_taphouse"));
    command.args(arguments.split_whitespace());
    command
}

impl Lab {
    /// Starts `taphouse` on a TAP in this namespace, and waits until it is ready.
    #[track_caller]
    pub(crate) fn house(&self, arguments: &str) -> House {
        self.house_from(taphouse(&format!("up --netns {} --state {} {arguments}", self.name, self.state().display())))
    }

    #[track_caller]
    pub(crate) fn house_from(&self, command: Command) -> House {
        let start = Instant::now();
        let mut program = self.start(command);
        let ready = program.line_with("ready ");
        House { program, ready, took: start.elapsed() }
    }

    /// Runs a `taphouse` that is not expected to live.
    #[track_caller]
    pub(crate) fn refused(&self, arguments: &str) -> Ended {
        self.start(taphouse(&format!("up --netns {} --state {} {arguments}", self.name, self.state().display())))
            .ended()
    }

    /// A host's socket towards a port of the house.
    pub(crate) fn socket(&self, to: IpAddr, port: u16) -> UdpSocket {
        let any: IpAddr = if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        self.socket_at(SocketAddr::new(any, 0), to, port)
    }

    pub(crate) fn socket_at(&self, own: SocketAddr, to: IpAddr, port: u16) -> UdpSocket {
        let open = || {
            let socket = UdpSocket::bind(own)?;
            socket.connect((to, port))?;
            socket.set_read_timeout(Some(Duration::from_secs(10)))?;
            Ok::<_, std::io::Error>(socket)
        };
        let opened = self.namespace().enter(open).expect("the lab's namespace is there");
        opened.unwrap_or_else(|why| panic!("a socket at {own} for {to} port {port}: {why}"))
    }

    /// Sends some pings that must all be answered.
    #[track_caller]
    pub(crate) fn ping(&self, to: IpAddr) {
        let text = self.run(&format!("ping -n -c 3 -i 0.1 -W 5 {to}")).ok();
        assert!(text.contains(" 0% packet loss"), "{text}");
    }

    pub(crate) fn has_link(&self, name: &str) -> bool {
        self.ip("-o link show").contains(&format!(": {name}:"))
    }
}

impl House {
    /// The address that follows from its Ethernet address.
    pub(crate) fn link_local(&self) -> &str {
        self.ready.split(' ').find(|word| word.starts_with("fe80::")).expect("a link-local address always exists")
    }

    /// Ends it as an administrator does.
    #[track_caller]
    pub(crate) fn end(self) -> Ended {
        self.program.signal(Signal::TERM);
        self.program.ended()
    }

    /// Ends it and returns one of the numbers that it counted.
    #[track_caller]
    pub(crate) fn counted(self, name: &str) -> u64 {
        let ended = self.end();
        assert!(ended.status.success(), "{ended:?}");
        count(&ended.stderr, name)
    }

    /// Processor time that it used so far, in user and kernel.
    pub(crate) fn processor_time(&self) -> Duration {
        const TICK: Duration = Duration::from_millis(10);
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.program.pid())).expect("the process runs");
        // The name of the program, in parentheses, may hold spaces: fields are counted behind it.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks: u32 = fields[11..13].iter().map(|field| field.parse::<u32>().expect("a number of ticks")).sum();
        TICK * ticks
    }
}

/// A number in the last report of counters; what is not in it was not counted.
pub(crate) fn count(reports: &str, name: &str) -> u64 {
    let mut lines = reports.lines().map(str::split_whitespace);
    let found = lines.rfind(|words| words.clone().next() == Some(name));
    found.and_then(|mut words| words.nth(1)).map_or(0, |number| number.parse().expect("a counter is a number"))
}

/// `ping` towards either family.
pub(crate) fn ping_command(arguments: &str, to: IpAddr) -> Command {
    command(&format!("ping -n {arguments} {to}"))
}

/// Bytes that tell where they belong, others for each seed.
pub(crate) fn pattern(length: usize, seed: usize) -> Vec<u8> {
    (0..length).map(|at| ((at * 7 + seed) % 251) as u8).collect()
}
