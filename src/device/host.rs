//! The host's side of the wire: its link, its addresses, over rtnetlink.
//!
//! Read first: rtnetlink(7). Nothing is shelled out, so nothing but the kernel is needed.

use std::io;
use std::os::fd::OwnedFd;

use netlink_packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage};
use netlink_packet_route::link::{
    AfSpecInet6, AfSpecUnspec, In6AddrGenMode, LinkAttribute, LinkExtentMask, LinkFlags, LinkInfo, LinkMessage,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{RecvFlags, SendFlags, SocketFlags, SocketType, socket_with};

use super::namespace::{Namespace, NamespaceError};
use super::sys;
use crate::base::address::{Address, Cidr, Family, Mac};

/// More than the kernel says about one link.
const ANSWER: usize = 32 * 1024;

/// One interface of the host's.
#[derive(Debug)]
pub struct Link {
    socket: OwnedFd,
    sequence: u32,
    name: String,
    index: u32,
    mtu: usize,
    mac: Option<Mac>,
    kind: Option<String>,
    knows_big_tcp: bool,
}

/// The link-local IPv6 address of the host's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkLocal {
    /// The kernel makes one as it is set to, and probes for a second or two before it uses it.
    Kernel,
    /// We give one that can be used at once: for a wire with nobody on it but us.
    AtOnce,
}

impl Link {
    /// The interface of that name in a namespace. It needs no privileges; the namespace may.
    ///
    /// # Errors
    /// There is none of that name, or the namespace was not entered.
    pub fn open(namespace: &Namespace, name: &str) -> Result<Link, HostError> {
        let failed = |errno: Errno| HostError::new(name, "looking for it", errno);
        // NETLINK_ROUTE is number 0, and so the default.
        let (netlink, route) = (rustix::net::AddressFamily::NETLINK, None);
        let socket = namespace.enter(|| socket_with(netlink, SocketType::RAW, SocketFlags::CLOEXEC, route));
        let socket = socket?.map_err(failed)?;
        let owned = name.to_owned();
        let mut link =
            Link { socket, sequence: 0, name: owned, index: 0, mtu: 0, mac: None, kind: None, knows_big_tcp: false };
        link.look().map_err(failed)?;
        Ok(link)
    }

    /// Its number in its namespace.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// The largest IP packet that the host sends on it, in bytes.
    pub fn mtu(&self) -> usize {
        self.mtu
    }

    /// The host's Ethernet address on it.
    pub fn mac(&self) -> Option<Mac> {
        self.mac
    }

    /// Whether the kernel knows TCP superframes over IPv4 of more than 65,535 bytes (BIG TCP; Linux 6.3).
    pub fn knows_big_tcp(&self) -> bool {
        self.knows_big_tcp
    }

    /// What the kernel calls its kind, `tun` for a TAP; hardware has none.
    pub fn kind(&self) -> Option<&str> {
        self.kind.as_deref()
    }

    /// Sets the largest IP packet, in bytes.
    ///
    /// # Errors
    /// The driver does not carry so much, or permission is denied.
    pub fn set_mtu(&mut self, mtu: usize) -> Result<(), HostError> {
        let bytes = u32::try_from(mtu).unwrap_or(u32::MAX);
        self.set(LinkFlags::empty(), vec![LinkAttribute::Mtu(bytes)]).map_err(|errno| match errno {
            Errno::INVAL | Errno::RANGE => HostError::Mtu(self.name.clone(), mtu),
            _ => HostError::new(&self.name, "setting its MTU", errno),
        })?;
        self.mtu = mtu;
        Ok(())
    }

    /// Sets how many frames may wait in it for whoever reads them; what comes on top of those is lost.
    ///
    /// # Errors
    /// Permission is denied, or there is no memory for so many.
    pub fn set_queue_length(&mut self, frames: u32) -> Result<(), HostError> {
        let set = self.set(LinkFlags::empty(), vec![LinkAttribute::TxQueueLen(frames)]);
        set.map_err(|errno| HostError::new(&self.name, "setting the length of its queue", errno))
    }

    /// Whether the host may give it a frame in pieces that lie apart (scatter-gather).
    ///
    /// # Errors
    /// It is gone.
    pub fn scatter_gather(&self) -> Result<bool, HostError> {
        let told = sys::scatter_gather(&self.socket, &self.name);
        told.map_err(|errno| HostError::new(&self.name, "asking for scatter-gather", errno))
    }

    /// Sets whether it may, or has to join them.
    ///
    /// # Errors
    /// Permission is denied, or the driver cannot choose.
    pub fn set_scatter_gather(&mut self, on: bool) -> Result<(), HostError> {
        let set = sys::set_scatter_gather(&self.socket, &self.name, on);
        set.map_err(|errno| HostError::new(&self.name, "setting scatter-gather", errno))
    }

    /// Sets it up: from now on it carries frames.
    ///
    /// # Errors
    /// Permission is denied. That there is no IPv6 is none: there is no link-local address then.
    pub fn set_up(&mut self, link_local: LinkLocal) -> Result<(), HostError> {
        let own = match (link_local, self.mac) {
            // The kernel must be told before, because it makes its address the moment that the link goes up.
            (LinkLocal::AtOnce, Some(mac)) => self.make_no_link_local().is_ok().then_some(mac),
            _ => None,
        };
        let up = self.set(LinkFlags::Up, Vec::new());
        up.map_err(|errno| HostError::new(&self.name, "setting it up", errno))?;
        let address = own.and_then(|mac| Cidr::new(Address::link_local(mac), 64));
        match address.map(|address| self.add_address(address)) {
            None | Some(Ok(()) | Err(HostError::NoIpv6(..))) => Ok(()),
            Some(refused) => refused,
        }
    }

    /// Gives it an address, which can be used at once: an IPv6 address is not probed for first. It may have it.
    ///
    /// # Errors
    /// The address is not one host's, the namespace has no IPv6, or permission is denied.
    pub fn add_address(&mut self, address: Cidr) -> Result<(), HostError> {
        if !address.address().is_unicast() {
            return Err(HostError::NotUnicast(self.name.clone(), address));
        }
        let request = RouteNetlinkMessage::NewAddress(address_message(self.index, address));
        match self.ask(request, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL) {
            Ok(_) | Err(Errno::EXIST) => Ok(()),
            Err(errno) => Err(self.address_refused(address, errno)),
        }
    }

    fn address_refused(&self, address: Cidr, errno: Errno) -> HostError {
        let name = self.name.clone();
        match (errno, address.address().family()) {
            (Errno::ACCESS | Errno::OPNOTSUPP | Errno::AFNOSUPPORT, Family::V6) => HostError::NoIpv6(name, address),
            (Errno::INVAL, Family::V6) if self.mtu < 1280 => HostError::SmallMtu(name, address, self.mtu),
            (Errno::INVAL | Errno::ADDRNOTAVAIL, _) => HostError::NotUnicast(name, address),
            _ => HostError::new(&self.name, "giving it an address", errno),
        }
    }

    fn look(&mut self) -> Result<(), Errno> {
        let mut request = LinkMessage::default();
        request.attributes.push(LinkAttribute::IfName(self.name.clone()));
        request.attributes.push(LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]));
        let Some(RouteNetlinkMessage::NewLink(link)) = self.ask(RouteNetlinkMessage::GetLink(request), 0)? else {
            return Err(Errno::PROTO);
        };
        self.index = link.header.index;
        for attribute in link.attributes {
            match attribute {
                LinkAttribute::Mtu(mtu) => self.mtu = mtu as usize,
                LinkAttribute::Address(bytes) => self.mac = <[u8; 6]>::try_from(bytes).ok().map(Mac::new),
                LinkAttribute::LinkInfo(infos) => self.kind = kind(&infos),
                LinkAttribute::GsoIpv4MaxSize(_) => self.knows_big_tcp = true,
                _ => {}
            }
        }
        Ok(())
    }

    fn make_no_link_local(&mut self) -> Result<(), Errno> {
        let none = vec![AfSpecInet6::AddrGenMode(In6AddrGenMode::None)];
        self.set(LinkFlags::empty(), vec![LinkAttribute::AfSpecUnspec(vec![AfSpecUnspec::Inet6(none)])])
    }

    /// Sets these flags, and leaves the others alone.
    fn set(&mut self, flags: LinkFlags, attributes: Vec<LinkAttribute>) -> Result<(), Errno> {
        let mut request = LinkMessage::default();
        request.header.index = self.index;
        request.header.flags = flags;
        request.header.change_mask = flags;
        request.attributes = attributes;
        self.ask(RouteNetlinkMessage::SetLink(request), NLM_F_ACK).map(|_| ())
    }

    /// Asks the kernel; its answer is what it says, or nothing but that it is done.
    fn ask(&mut self, request: RouteNetlinkMessage, flags: u16) -> Result<Option<RouteNetlinkMessage>, Errno> {
        self.sequence += 1;
        let mut message = NetlinkMessage::from(request);
        message.header.flags = NLM_F_REQUEST | flags;
        message.header.sequence_number = self.sequence;
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        retry_on_intr(|| rustix::net::send(&self.socket, &bytes, SendFlags::empty()))?;

        let mut answer = vec![0; ANSWER];
        loop {
            let receive = || rustix::net::recv(&self.socket, &mut answer[..], RecvFlags::empty());
            let (length, _) = retry_on_intr(receive)?;
            let message = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&answer[..length]);
            let message = message.map_err(|_| Errno::PROTO)?;
            if message.header.sequence_number != self.sequence {
                continue;
            }
            return match message.payload {
                NetlinkPayload::InnerMessage(inner) => Ok(Some(inner)),
                NetlinkPayload::Error(error) => match error.raw_code() {
                    0 => Ok(None),
                    code => Err(Errno::from_raw_os_error(code.saturating_neg())),
                },
                _ => Err(Errno::PROTO),
            };
        }
    }
}

/// Why something was not done on the host's side.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The namespace was not entered.
    #[error(transparent)]
    Namespace(#[from] NamespaceError),
    /// No interface of that name.
    #[error("{0}: there is no such interface in this namespace: attach to it first, or check --tap and --netns")]
    NoLink(String),
    /// Not ours to change.
    #[error("{0}: permission denied {1}: run as root, or set the host's side up yourself and use --no-host")]
    Denied(String, &'static str),
    /// An MTU that the interface cannot have.
    #[error("{0}: the interface takes no MTU of {1}: use 68 to 65521 with --mtu")]
    Mtu(String, usize),
    /// An address that no host can have.
    #[error("{0}: {1} cannot be the address of a host: use one like 10.77.0.1/24 or fd77::1/64 with --host")]
    NotUnicast(String, Cidr),
    /// IPv6 is off.
    #[error(
        "{0}: IPv6 is disabled here, so the host cannot have {1}: set sysctl net.ipv6.conf.all.disable_ipv6=0, \
         or give --host an IPv4 address only"
    )]
    NoIpv6(String, Cidr),
    /// IPv6 does not work with so small an MTU (RFC 8200 §5).
    #[error("{0}: with an MTU of {2} the host cannot have {1}: use --mtu 1280 or more, or IPv4 only")]
    SmallMtu(String, Cidr, usize),
    /// Anything else.
    #[error("{0}: {1} failed ({2}): set the host's side up yourself and use --no-host")]
    Failed(String, &'static str, #[source] io::Error),
}

impl HostError {
    fn new(name: &str, doing: &'static str, errno: Errno) -> HostError {
        let name = name.to_owned();
        match errno {
            Errno::NODEV => HostError::NoLink(name),
            Errno::PERM => HostError::Denied(name, doing),
            _ => HostError::Failed(name, doing, errno.into()),
        }
    }
}

fn address_message(index: u32, address: Cidr) -> AddressMessage {
    let local = address.address().into();
    let mut message = AddressMessage::default();
    message.header.index = index;
    message.header.prefix_len = address.length();
    message.attributes = vec![AddressAttribute::Local(local), AddressAttribute::Address(local)];
    match address.address().family() {
        Family::V4 => {
            message.header.family = AddressFamily::Inet;
            let broadcast = address.broadcast().map(|broadcast| broadcast.low4().into());
            message.attributes.extend(broadcast.map(AddressAttribute::Broadcast));
        }
        Family::V6 => {
            message.header.family = AddressFamily::Inet6;
            message.header.flags = AddressHeaderFlags::Nodad;
        }
    }
    message
}

fn kind(infos: &[LinkInfo]) -> Option<String> {
    infos.iter().find_map(|info| match info {
        LinkInfo::Kind(kind) => Some(kind.to_string()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_seen_without_privileges() {
        let link = Link::open(&Namespace::Own, "lo").unwrap();
        assert_eq!(link.index(), 1);
        assert!(link.mtu() >= 1280, "{}", link.mtu());
    }

    #[test]
    fn a_link_that_there_is_not() {
        let line = Link::open(&Namespace::Own, "no-such-link").unwrap_err().to_string();
        assert!(line.starts_with("no-such-link: there is no such interface"), "{line}");
    }

    #[test]
    fn only_ipv4_has_a_broadcast_address() {
        let message = |text: &str| address_message(7, text.parse().unwrap());
        let broadcast = AddressAttribute::Broadcast([10, 77, 0, 255].into());
        assert!(message("10.77.0.1/24").attributes.contains(&broadcast));
        assert_eq!(message("10.77.0.1/31").attributes.len(), 2, "RFC 3021");
        let six = message("fd77::1/64");
        assert_eq!((six.attributes.len(), six.header.flags), (2, AddressHeaderFlags::Nodad));
    }
}
