//! A namespace with a TAP in it, and the programs of the host's side.

use std::net::{Ipv4Addr, UdpSocket};
use std::path::Path;
use std::process::{Command, id};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use taphouse::base::address::Cidr;
use taphouse::device::host::{HostError, Link, LinkLocal};
use taphouse::device::{Namespace, Tap, TapOptions};

/// The host's address.
pub(crate) const HOST: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// The stack's, which the tests play.
pub(crate) const STACK: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
/// Its Ethernet address, which the host knows.
pub(crate) const STACK_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];

/// A network namespace of the test's own.
pub(crate) struct Lab {
    pub(crate) name: String,
}

impl Lab {
    /// `None`, said aloud, where it cannot be.
    pub(crate) fn new() -> Option<Lab> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let programs = ["ip", "python3"].iter().all(|program| Command::new(program).arg("-V").output().is_ok());
        if !rustix::process::geteuid().is_root() || !Path::new("/dev/net/tun").exists() || !programs {
            eprintln!("SKIPPED: it takes root, /dev/net/tun, ip and python3");
            return None;
        }
        let name = format!("tht-{}-{}", id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        ip(&["netns", "add", &name]);
        Some(Lab { name })
    }

    pub(crate) fn namespace(&self) -> Namespace {
        Namespace::named(&self.name)
    }

    pub(crate) fn options(&self) -> TapOptions {
        TapOptions { namespace: self.namespace(), ..TapOptions::default() }
    }

    pub(crate) fn open(&self) -> Tap {
        Tap::open(&self.options()).unwrap().remove(0)
    }

    pub(crate) fn link(&self) -> Result<Link, HostError> {
        Link::open(&self.namespace(), "tap0")
    }

    /// `ip` in the namespace.
    pub(crate) fn ip(&self, arguments: &str) -> String {
        let arguments: Vec<&str> = ["-n", &self.name].into_iter().chain(arguments.split(' ')).collect();
        ip(&arguments)
    }

    /// A TAP that is up, and a host that knows the stack's Ethernet address, so that nobody need answer ARP.
    pub(crate) fn wire(&self) -> (Tap, Link) {
        let tap = self.open();
        let mut link = self.link().unwrap();
        link.set_up(LinkLocal::AtOnce).unwrap();
        link.add_address(cidr("10.77.0.1/24")).unwrap();
        self.ip("neigh replace 10.77.0.2 lladdr 02:00:00:00:00:02 dev tap0");
        (tap, link)
    }

    pub(crate) fn socket(&self) -> UdpSocket {
        let socket = self.namespace().enter(|| UdpSocket::bind((HOST, 4000))).unwrap().unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        socket
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}

pub(crate) fn ip(arguments: &[&str]) -> String {
    let output = Command::new("ip").args(arguments).output().unwrap();
    assert!(output.status.success(), "ip {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) fn cidr(text: &str) -> Cidr {
    text.parse().unwrap()
}
