//! Groups: joined and left, told to routers. One shard of a host speaks of them, and all hear them.

use super::Net;
use super::addresses::Role;
use super::up::Up;
use crate::base::address::{Address, Family, Mac};
use crate::base::counters::Dropped;
use crate::base::limits;
use crate::buffer::{Draft, Frame, HEADROOM, Offload};
use crate::device::Device;
use crate::internet::multicast::{Filter, JoinError, Member, Message, Voice};
use crate::internet::{Packet, source};
use crate::stack::Config;

/// Of which groups routers are told unasked. Questions about any are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Groups {
    /// Of all, as switches that look who listens need it.
    All,
    /// Of those that were joined, and not of those that follow from our addresses.
    Joined,
}

/// What a shard says of groups.
pub(super) fn voice(config: &Config, role: Role) -> Voice {
    match (role, config.groups) {
        (Role::Follows, _) => Voice::Silent,
        (Role::Leads, Groups::All) => Voice::Tells,
        (Role::Leads, Groups::Joined) => Voice::Answers,
    }
}

impl<D: Device> Net<D> {
    /// From now on a member wants packets of a group from these sources; from none, it leaves.
    pub(in crate::stack) fn want_group(
        &mut self,
        member: Member,
        group: Address,
        filter: Filter,
    ) -> Result<(), JoinError> {
        self.memberships.want(member, group, filter, self.now)?;
        match self.memberships.is_wanted(group) {
            true => self.interface.join(group),
            false => self.interface.leave(group),
        }
        Ok(())
    }

    /// Who had a port is gone.
    pub(in crate::stack) fn leave_groups(&mut self, port: u16) {
        let member = Member::Port(port);
        for group in self.memberships.groups_of(member) {
            let left = self.want_group(member, group, Filter::nothing());
            debug_assert_eq!(left, Ok(()), "what was joined can be left");
        }
    }

    /// Whether who has a port wants a packet for a group from its source.
    #[inline(never)]
    pub(in crate::stack) fn wants(&self, packet: &Packet, port: u16) -> bool {
        self.memberships.accepts(packet.destination, packet.source, port)
    }

    /// A router asks of groups, or another host tells.
    #[cold]
    pub(super) fn hear_of_groups(&mut self, frame: &Frame, packet: &Packet) -> Result<Up, Dropped> {
        self.memberships.input(frame.bytes(), packet, self.now)?;
        self.counters.groups_heard += 1;
        Ok(Up::Group)
    }

    /// Tells routers what is due.
    #[inline]
    pub(super) fn see_to_groups(&mut self) {
        if self.memberships.differs(self.interface.arrangement()) {
            self.follow_addresses();
        }
        if self.memberships.deadline().is_some_and(|due| due <= self.now) {
            self.tell_groups();
        }
    }

    #[cold]
    fn follow_addresses(&mut self) {
        let groups: Vec<Address> = self.interface.solicited_nodes().collect();
        self.memberships.follow(&groups, self.interface.arrangement(), self.now);
    }

    #[cold]
    fn tell_groups(&mut self) {
        self.memberships.on_timer(self.now);
        while let Some(message) = self.memberships.next(self.interface.mtu()) {
            self.send_message(message);
        }
    }

    fn send_message(&mut self, message: Message) {
        const LENGTH: usize = HEADROOM + limits::GROUP_REPORT;
        let destination = message.destination();
        // RFC 9776 §4.2.14, RFC 9777 §5.2.14: who has no address yet speaks as nobody, and MLD is link-local, however far its group.
        let source = match destination.family() {
            Family::V4 => source::select(&self.interface, destination).unwrap_or(Address::UNSPECIFIED_V4),
            Family::V6 => {
                let chosen = source::select(&self.interface, Address::ALL_NODES);
                chosen.filter(|own| own.is_link_local()).unwrap_or(Address::UNSPECIFIED)
            }
        };
        let mut room = [0; LENGTH];
        let mut draft = Draft::new(&mut room, LENGTH);
        let ethertype = message.write(&mut draft, source);
        let transmitted = self.frame_out(draft, &[], ethertype, Mac::of_group(destination), Offload::default());
        self.counters.groups_told += 1;
        self.count(transmitted.or_dropped());
    }
}
