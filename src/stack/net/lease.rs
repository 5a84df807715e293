//! An IPv4 address on loan: what the DHCP client asks and is told.

use std::io::IoSlice;

use super::Net;
use super::auto::Auto;
use crate::base::address::{Address, Cidr, Endpoint, Flow, Mac};
use crate::base::counters::Dropped;
use crate::base::limits;
use crate::base::time::Instant;
use crate::buffer::{Draft, Frame, HEADROOM, Offload};
use crate::device::Device;
use crate::internet::dhcp::{Lease, Letter, News};
use crate::internet::route::{Route, Weight};
use crate::internet::{Outbound, Packet, Problem, output};
use crate::stack::notice::{Change, Notice};
use crate::transport::udp::{self, Arrival};
use crate::wire::dhcp::{CLIENT_PORT, Reply, SERVER_PORT};
use crate::wire::protocol;
use crate::wire::router::Preference;
use crate::wire::udp::LENGTH;

impl<D: Device> Net<D> {
    /// A datagram for a port at which no service listens: a DHCP server's, perhaps; else its sender is told.
    #[cold]
    pub(in crate::stack) fn unclaimed(&mut self, packet: &Packet, arrival: &Arrival, frame: &mut Frame) {
        let asks = self.addresses.auto.is_some() && arrival.flow.local.port == CLIENT_PORT;
        if !asks || arrival.flow.remote.port != SERVER_PORT {
            self.tell(frame, packet, Problem::Port, Dropped::PortUnreachable);
            return;
        }
        let start = packet.transport() + LENGTH;
        let message = frame.bytes().get(start..start + arrival.length).unwrap_or_default();
        match self.take_lease(message, packet.link.station) {
            Ok(()) => {
                self.counters.frames_delivered += 1;
                self.counters.dhcp_received += 1;
            }
            Err(why) => self.counters.drop(why),
        }
    }

    fn take_lease(&mut self, message: &[u8], station: Mac) -> Result<(), Dropped> {
        let reply = Reply::parse(message, self.interface.mac())?;
        let Some(auto) = self.addresses.auto.as_deref_mut() else { return Err(Dropped::DhcpNotForUs) };
        let (letter, news) = auto.client.take(&reply, station, &mut self.addresses.random, self.now)?;
        self.counters.options_refused += auto.client.take_refused();
        self.act(letter, news);
        self.settle();
        Ok(())
    }

    /// Asks when it is time.
    pub(super) fn see_to_lease(&mut self) {
        let Some(auto) = self.addresses.auto.as_deref_mut() else { return };
        let (letter, news) = auto.client.on_timer(&mut self.addresses.random, self.now);
        self.act(letter, news);
    }

    fn act(&mut self, letter: Option<Letter>, news: Option<News>) {
        if let Some(letter) = letter {
            self.post(&letter, None);
        }
        match news {
            Some(News::Leased(lease)) => self.begin_lease(&lease),
            Some(News::Renewed { before, after }) => {
                let routes = after.routes.clone();
                self.end_routes(&before, |route| !routes.contains(route));
                self.follow_lease(&after, Some(&before));
                let seconds = seconds_of(&after, self.now);
                self.addresses.notice(Notice::Renewed { own: after.own, seconds });
            }
            Some(News::Ended(lease)) => self.end_lease(&lease),
            Some(News::Refused(address, lease)) => {
                self.addresses.notice(Notice::Refused(address));
                lease.iter().for_each(|lease| self.end_lease(lease));
            }
            None => {}
        }
    }

    fn end_lease(&mut self, lease: &Lease) {
        self.end_routes(lease, |_| true);
        if self.addresses.auto.as_deref().is_some_and(|auto| auto.has_added) {
            self.end_told(lease.own.address());
        }
        self.forget_names();
    }

    fn begin_lease(&mut self, lease: &Lease) {
        let seconds = seconds_of(lease, self.now);
        self.addresses.notice(Notice::Leased { own: lease.own, server: lease.server, seconds });
        // One that we have already, as configured, needs nothing more.
        let added = self.begin_told(lease.own);
        if let Some(auto) = self.addresses.auto.as_deref_mut() {
            auto.has_added = added;
        }
        self.follow_lease(lease, None);
    }

    /// What a lease tells besides the address.
    fn follow_lease(&mut self, lease: &Lease, before: Option<&Lease>) {
        for (prefix, gateway) in lease.routes.iter().copied() {
            self.decide(Change::Route(told(prefix, gateway)));
        }
        self.set_mtu_v4(lease.mtu);
        let ways = before.map_or(!lease.routes.is_empty(), |before| before.routes != lease.routes);
        let named = |lease: &Lease| (lease.resolvers.clone(), lease.domain.clone());
        let names = before.map(named).unwrap_or_default() != named(lease);
        self.changed(ways, names);
    }

    fn end_routes(&mut self, lease: &Lease, over: impl Fn(&(Cidr, Option<Address>)) -> bool) {
        for (prefix, gateway) in lease.routes.iter().filter(|route| over(route)).copied() {
            self.decide(Change::NoRoute(told(prefix, gateway)));
        }
    }

    fn forget_names(&mut self) {
        self.set_mtu_v4(None);
        self.changed(true, true);
    }

    /// Somebody else has the address that was leased.
    pub(super) fn decline(&mut self, address: Address) {
        let Some(Auto { client, .. }) = self.addresses.auto.as_deref_mut() else { return };
        if client.lease().is_none_or(|lease| lease.own.address() != address) {
            return;
        }
        if let Some((letter, lease)) = client.decline(self.now) {
            self.post(&letter, None);
            self.end_routes(&lease, |_| true);
            self.forget_names();
        }
    }

    /// Gives the address back, at the end. It goes to the station through which the server answered: there is no time to ask for
    /// a way.
    pub(in crate::stack) fn release(&mut self) {
        let released = self.addresses.auto.as_deref_mut().and_then(|auto| auto.client.release());
        // An address that is probed still is not ours to speak from.
        let may_speak = |lease: &Lease| self.interface.owns(lease.own.address());
        if let Some((letter, lease)) = released.filter(|(_, lease)| may_speak(lease)) {
            self.post(&letter, Some(lease.station));
            self.empty_outbox();
            self.addresses.notice(Notice::Released(lease.own));
        }
    }

    /// Sends a letter: to this station, or by its way.
    fn post(&mut self, letter: &Letter, station: Option<Mac>) {
        let bytes = letter.write(self.interface.mac(), self.interface.mtu());
        let end = |address, port| Endpoint { address, port };
        let flow = Flow { local: end(letter.from, CLIENT_PORT), remote: end(letter.to, SERVER_PORT) };
        let outbound = Outbound {
            source: letter.from,
            destination: letter.to,
            protocol: protocol::UDP,
            hop_limit: limits::HOP_LIMIT,
            traffic_class: 0,
            dont_fragment: false,
        };
        let mut room = [0; HEADROOM];
        let mut draft = Draft::new(&mut room, HEADROOM);
        *draft.prepend() = udp::complete(udp::header(&flow, bytes.len()), &bytes);
        self.counters.datagrams_sent += 1;
        let payload = [IoSlice::new(&bytes)];
        match station {
            None => self.send(draft, &payload, &outbound, Offload::default()),
            Some(station) => {
                let ethertype = output::prepend(&mut draft, bytes.len(), &outbound, &mut self.identifications);
                let transmitted = self.frame_out(draft, &payload, ethertype, station, Offload::default());
                self.count(transmitted.or_dropped());
            }
        }
    }
}

fn told(prefix: Cidr, gateway: Option<Address>) -> Route {
    Route { prefix, gateway, weight: Weight::Told(Preference::Medium) }
}

/// Seconds for which it is leased, to the nearest, if not for ever.
fn seconds_of(lease: &Lease, now: Instant) -> Option<u64> {
    (lease.until != Instant::NEVER).then(|| lease.until.since(now).as_secs_f64().round() as u64)
}
