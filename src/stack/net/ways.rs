//! Which neighbour a packet goes to: redirects first, routes else; and what makes either change.

use super::Net;
use crate::base::address::{Address, Family};
use crate::base::counters::Dropped;
use crate::buffer::Frame;
use crate::device::Device;
use crate::internet::redirect::{self, Redirect};
use crate::internet::route::Route;
use crate::internet::{Packet, notice};
use crate::link::neighbors::{Evidence, NeighborId, Reach};

impl<D: Device> Net<D> {
    /// The neighbour through which a destination is reached.
    #[inline]
    pub(super) fn next_hop(&mut self, destination: Address) -> Option<Address> {
        if !self.redirects.is_empty() {
            return self.next_hop_redirected(destination);
        }
        self.routes.next_hop(destination, &mut self.neighbors)
    }

    #[cold]
    fn next_hop_redirected(&mut self, destination: Address) -> Option<Address> {
        match self.redirects.find(destination) {
            // RFC 4861 §7.3.3: who does not answer is no better way.
            Some(next) if self.neighbors.reach(next) == Reach::Unlikely && !self.neighbors.is_asked(next) => {
                self.redirects.forget_through(next);
                self.routes.next_hop(destination, &mut self.neighbors)
            }
            Some(next) => Some(next),
            None => self.routes.next_hop(destination, &mut self.neighbors),
        }
    }

    /// Whether a packet that waits for a neighbour may still reach its destination, through it or through another one.
    pub(in crate::stack) fn may_reach(&mut self, neighbor: NeighborId, destination: Address) -> bool {
        self.neighbors.remembers(neighbor)
            || self.next_hop(destination).is_some_and(|next| self.neighbors.reach(next) == Reach::Likely)
    }

    /// Takes in a redirect of IPv6.
    #[cold]
    pub(super) fn take_redirect(&mut self, packet: &Packet, frame: &Frame) -> Result<(), Dropped> {
        let redirect = redirect::read(frame, packet)?;
        self.follow_redirect(&redirect)?;
        // RFC 4861 §8.3.
        if let Some(station) = redirect.station {
            self.neighbors.learn(redirect.target, station, Evidence::Asked, &mut self.outbox, self.now);
        }
        Ok(())
    }

    /// A redirect of IPv4 quotes what its sender found to be sent by itself (RFC 1122 §3.2.2.2).
    pub(in crate::stack) fn redirect(&mut self, notice: &notice::Notice, target: Address) -> Result<(), Dropped> {
        let (router, destination) = (notice.from, notice.flow.remote.address);
        self.follow_redirect(&Redirect { router, destination, target, station: None })
    }

    fn follow_redirect(&mut self, redirect: &Redirect) -> Result<(), Dropped> {
        let current = self.next_hop(redirect.destination).filter(|current| *current != redirect.destination);
        self.redirects.take(redirect, current, &self.interface, self.now)?;
        self.neighbors.rename(redirect.router);
        self.counters.redirected += 1;
        Ok(())
    }

    /// A route that was told. False when there is no room for it.
    pub(super) fn add_route(&mut self, route: Route) -> bool {
        let told = self.routes.tell(route) && (route.gateway.is_some() || self.interface.add_on_link(route.prefix));
        self.look_anew(route.prefix.address().family());
        told
    }

    /// It holds no more (RFC 4861 §6.3.5).
    pub(super) fn remove_route(&mut self, route: Route) {
        self.look_anew(route.prefix.address().family());
        self.routes.untell(route.prefix, route.gateway);
        match route.gateway {
            None => self.interface.remove_on_link(route.prefix),
            Some(gateway) if self.routes.routers().any(|router| router == gateway) => {}
            Some(gateway) => self.redirects.forget_through(gateway),
        }
    }

    /// Lets those who send through routers look for their way anew.
    fn look_anew(&mut self, family: Family) {
        let Net { routes, neighbors, .. } = self;
        routes.routers().filter(|router| router.family() == family).for_each(|router| neighbors.rename(router));
    }
}
