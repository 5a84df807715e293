//! What the tests of the TAP do in the lab: they play the stack themselves.

use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use taphouse::base::address::Cidr;
use taphouse::device::host::{HostError, Link, LinkLocal};
use taphouse::device::{Tap, TapOptions};

pub(crate) use crate::lab::Lab;

/// The host's address.
pub(crate) const HOST: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// The stack's, which the tests play.
pub(crate) const STACK: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
/// Its Ethernet address, which the host knows.
pub(crate) const STACK_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];

impl Lab {
    pub(crate) fn options(&self) -> TapOptions {
        TapOptions { namespace: self.namespace(), ..TapOptions::default() }
    }

    pub(crate) fn open(&self) -> Tap {
        Tap::open(&self.options()).unwrap().remove(0)
    }

    pub(crate) fn link(&self) -> Result<Link, HostError> {
        Link::open(&self.namespace(), "tap0")
    }

    /// A TAP that is up, and a host that knows the stack's Ethernet address, so that nobody need answer ARP.
    pub(crate) fn wire(&self) -> (Tap, Link) {
        let tap = self.open();
        (tap, self.lay())
    }

    /// The host's side of it.
    pub(crate) fn lay(&self) -> Link {
        let mut link = self.link().unwrap();
        link.set_up(LinkLocal::AtOnce).unwrap();
        link.add_address(cidr("10.77.0.1/24")).unwrap();
        self.ip("neigh replace 10.77.0.2 lladdr 02:00:00:00:00:02 dev tap0");
        link
    }

    pub(crate) fn socket(&self) -> UdpSocket {
        let socket = self.namespace().enter(|| UdpSocket::bind((HOST, 4000))).unwrap().unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        socket
    }
}

pub(crate) fn cidr(text: &str) -> Cidr {
    text.parse().unwrap()
}
