//! A network namespace of the bench's own, with a TAP for each contender in it.

use std::fs::File;
use std::io;
use std::net::{SocketAddrV4, TcpStream};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Command, id};
use std::time::Duration;

use rustix::net::{self, AddressFamily, SocketFlags, SocketType, sockopt};
use rustix::thread::{CpuSet, sched_setaffinity};
use taphouse::base::address::{Address, Cidr, Mac};
use taphouse::device::host::{Link, LinkLocal};
use taphouse::device::{Namespace, Tap, TapOptions};

/// Where the load runs.
pub(crate) const LOAD_CORE: usize = 0;
/// Where the contenders run: all of them on one, for only one works at a time.
pub(crate) const CONTENDER_CORE: usize = 1;

pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The namespace. It has no name, so it goes with the process, however that ends.
pub(crate) struct Lab {
    path: PathBuf,
    _open: File,
}

/// One contender's wire, and who it is on it.
pub(crate) struct Wire {
    pub(crate) tap: Tap,
    pub(crate) mac: Mac,
    pub(crate) own: Cidr,
}

/// Why nothing can be measured here, if so.
pub(crate) fn obstacle() -> Option<&'static str> {
    if !rustix::process::geteuid().is_root() {
        return Some("it takes root, to make a network namespace");
    }
    if !Path::new("/dev/net/tun").exists() {
        return Some("there is no /dev/net/tun");
    }
    if !std::thread::available_parallelism().is_ok_and(|cores| cores.get() > CONTENDER_CORE) {
        return Some("it takes two cores, one for the load and one for the contender");
    }
    Command::new("ip").arg("-V").output().is_err().then_some("it takes the program ip (Debian package iproute2)")
}

impl Lab {
    pub(crate) fn new() -> Result<Lab, Failure> {
        let name = format!("taphouse-bench-{}", id());
        ip(&["netns", "add", &name])?;
        let open = File::open(Path::new("/run/netns").join(&name));
        // From here on the open file is all that holds it.
        ip(&["netns", "del", &name])?;
        let open = open?;
        // The processes that we start find it there, too.
        let path = format!("/proc/{}/fd/{}", id(), open.as_raw_fd()).into();
        Ok(Lab { path, _open: open })
    }

    /// The lab of another process.
    #[allow(dead_code, reason = "most benches are one process")]
    pub(crate) fn at(path: PathBuf) -> io::Result<Lab> {
        let open = File::open(&path)?;
        Ok(Lab { path, _open: open })
    }

    /// Where other processes find it.
    #[allow(dead_code, reason = "most benches are one process")]
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn namespace(&self) -> Namespace {
        Namespace::At(self.path.clone())
    }

    /// Wire number `number`, with all offloads: 10.77.`number`.1 is the host, .2 the contender.
    pub(crate) fn wire(&self, number: u8) -> Result<Wire, Failure> {
        let options = TapOptions { name: format!("tap{number}"), namespace: self.namespace(), ..TapOptions::default() };
        let tap = Tap::open(&options)?.remove(0);
        let (mac, own) = self.lay(number)?;
        Ok(Wire { tap, mac, own })
    }

    /// Makes ready what is the host's of a wire whose TAP is open; says who the contender is.
    pub(crate) fn lay(&self, number: u8) -> Result<(Mac, Cidr), Failure> {
        let name = format!("tap{number}");
        let mut link = Link::open(&self.namespace(), &name)?;
        link.set_up(LinkLocal::AtOnce)?;
        let cidr = |host| Cidr::new(Address::from_v4([10, 77, number, host]), 24).ok_or("24 bits are a prefix");
        link.add_address(cidr(1)?)?;
        // The load's core is to have time left, or it is what is measured.
        self.enter(|| run("tc", &["qdisc", "replace", "dev", &name, "root", "noqueue"]))??;
        // The bare loops cannot answer ARP, so nobody has to: the host knows all of them for ever.
        let (mac, own) = (Mac::new([2, 0, 0, 0, 0, number]), cidr(2)?);
        let (own_text, mac_text) = (own.address().to_string(), mac.to_string());
        self.enter(|| ip(&["neigh", "replace", &own_text, "lladdr", &mac_text, "dev", &name]))??;
        Ok((mac, own))
    }

    /// Does `work` in the namespace.
    pub(crate) fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, Failure> {
        Ok(self.namespace().enter(work)?)
    }
}

/// A TCP connection from the calling thread's namespace, which waits for nothing longer than `patience`. The congestion control is
/// chosen before there is a connection: BBR, where that is the default, would leave its pacing behind, and a timer that goes off
/// for every superframe.
#[allow(dead_code, reason = "not every bench speaks TCP")]
pub(crate) fn connect(remote: SocketAddrV4, congestion_control: &str, patience: Duration) -> io::Result<TcpStream> {
    let socket = net::socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    sockopt::set_tcp_congestion(&socket, congestion_control)?;
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    net::connect(&stream, &remote)?;
    Ok(stream)
}

/// Keeps the calling thread on one core.
pub(crate) fn pin(core: usize) -> io::Result<()> {
    let mut cores = CpuSet::new();
    cores.set(core);
    Ok(sched_setaffinity(None, &cores)?)
}

pub(crate) fn ip(arguments: &[&str]) -> Result<(), Failure> {
    run("ip", arguments)
}

pub(crate) fn run(program: &str, arguments: &[&str]) -> Result<(), Failure> {
    let output = Command::new(program).args(arguments).output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{program} {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim()).into())
}
