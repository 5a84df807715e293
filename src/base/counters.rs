//! What the stack counts. Every drop has a name.

use std::fmt;

macro_rules! dropped {
    ($($(#[doc = $meaning:literal])+ $name:ident),* $(,)?) => {
        /// Why a frame, or what was to become one, went no further.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Dropped { $($(#[doc = $meaning])+ $name),* }

        impl Dropped {
            /// All names, in the order of their numbers.
            pub const ALL: &'static [Dropped] = &[$(Dropped::$name),*];

            /// One line that says what it means.
            pub fn meaning(self) -> &'static str {
                match self { $(Dropped::$name => concat!($($meaning),+).trim_ascii()),* }
            }
        }
    };
}

dropped! {
    /// the device's header contradicts the frame behind it
    OffloadLie,
    /// the frame ends before its headers do
    Truncated,
    /// not for our Ethernet address, nor for a group that we are in
    NotOurMac,
    /// the Ethernet source is a group, or ourselves
    BadSourceMac,
    /// an EtherType that we do not speak
    UnknownEtherType,
    /// a tag of a VLAN (802.1Q) that we are not in
    OtherVlan,
    /// no tag of a VLAN, while we are in one
    Untagged,
    /// ARP or RARP with lengths, types or addresses that cannot be
    BadArp,
    /// an ARP request for somebody else
    ArpNotForUs,
    /// an ARP or RARP operation that asks nothing of us
    ArpOperation,
    /// somebody else claims an address of ours
    AddressConflict,
    /// a RARP request for a hardware address that is not in the table
    RarpUnknown,
    /// the version, header length or total length of an IP header cannot be
    BadIpHeader,
    /// the IPv4 header checksum is wrong
    BadIpChecksum,
    /// the source cannot be the address of one other host
    BadSource,
    /// the source is an address of our own
    OwnSource,
    /// an IPv4-mapped address on the wire
    MappedAddress,
    /// not for an address of ours, nor for a group that we are in
    NotOurAddress,
    /// one host's packet in an Ethernet group's frame
    UnicastInGroupFrame,
    /// a fragment that cannot be: empty, uneven, too far out, or without the header that it must have
    BadFragment,
    /// a fragment that came before
    FragmentAgain,
    /// a fragment that overlaps another one of its datagram, or contradicts it otherwise, and all that came of it (RFC 5722)
    FragmentConflict,
    /// a datagram that was not whole in time
    FragmentsLate,
    /// a datagram in more fragments, or fragments of more datagrams, than are kept
    FragmentsFull,
    /// an option that routes by the source's will
    SourceRoute,
    /// an extension header that says to drop the packet without a word
    ExtensionHeader,
    /// an AH or ESP, for which we have no security association (RFC 4302 §3.4.2, RFC 4303 §3.4.2)
    NoSecurity,
    /// an ICMP or ICMPv6 message that is too short or wrongly built
    BadIcmp,
    /// the ICMP or ICMPv6 checksum is wrong
    BadIcmpChecksum,
    /// an ICMP message that asks nothing of us
    IcmpIgnored,
    /// a source quench, which RFC 6633 forbids to follow
    IcmpQuench,
    /// an ICMP error that quotes nothing of a connection or endpoint of ours
    IcmpUnrelated,
    /// an ICMP error that quotes a sequence number that is not in flight (RFC 5927 §4)
    IcmpOutsideWindow,
    /// a packet too big that cannot be: less than 68 bytes over IPv4, or 1,280 over IPv6, or for a packet that fits
    IcmpBadMtu,
    /// what could only be answered to one host came for a group (RFC 1122 §3.2.2.6)
    AskedOfGroup,
    /// neighbour discovery that is not from the link, or wrongly built (RFC 4861 §7.1)
    BadNdp,
    /// neighbour discovery that asks nothing of us
    NdpIgnored,
    /// DHCP that cannot be, or ends within an option
    BadDhcp,
    /// DHCP for another station, or that answers nothing that we asked
    DhcpNotForUs,
    /// a lease that cannot be used: no address of a host, no server to renew it, or over at once
    DhcpRefused,
    /// a redirect that is not from the router that we use, or leads to nobody on the link (RFC 4861 §8.1, RFC 1122 §3.2.2.2)
    RedirectRefused,
    /// an IGMP message that is not from the link, or wrongly built (RFC 9776 §9)
    BadIgmp,
    /// multicast listener discovery that is not from the link, or wrongly built (RFC 9777 §6.2)
    BadMld,
    /// word of groups that asks nothing of us
    GroupIgnored,
    /// a packet for a group from a source that we do not want there
    SourceFiltered,
    /// a UDP socket holds as much as may wait to be read
    SocketFull,
    /// a UDP length that cannot be
    BadUdp,
    /// the UDP checksum is wrong
    BadUdpChecksum,
    /// UDP over IPv6 without a checksum (RFC 8200 §8.1)
    UdpWithoutChecksum,
    /// nobody listens at the port, and no error may be sent
    PortUnreachable,
    /// from a port that would answer the answer (RFC 862 to 865)
    EchoLoop,
    /// no RTP: another version, or it ends within its header, its extension or its padding
    BadRtp,
    /// no RTCP: another version, lengths that do not add up, or it does not begin with a report (RFC 3550 §A.2)
    BadRtcp,
    /// RTP far from all that came of its source (RFC 3550 §A.1)
    RtpStrange,
    /// RTP or RTCP under an SSRC that another host has, or that we had (RFC 3550 §8.2)
    RtpCollision,
    /// RTP or RTCP of ours that came back (RFC 3550 §8.2)
    RtpLoop,
    /// more members of an RTP session, or more sessions, than are remembered
    RtpFull,
    /// a TCP header that cannot be
    BadTcp,
    /// the TCP checksum is wrong
    BadTcpChecksum,
    /// TCP that may not be answered: a reset to nobody, or to a group; or that says nothing in this state
    TcpIgnored,
    /// a reset that ended a connection, or refused one
    TcpReset,
    /// a segment whose numbers lie outside of the window (RFC 9293 §3.10.7.4)
    TcpOutsideWindow,
    /// data that came before
    TcpDuplicate,
    /// a reset or SYN that could be forged, and was answered with an acknowledgment (RFC 5961)
    TcpChallenged,
    /// an acknowledgment of what was never sent, or is long past (RFC 5961 §5)
    TcpBadAck,
    /// a segment whose timestamp is older than the last one, or missing (RFC 7323 §5)
    TcpClock,
    /// more out of order than is held, or no memory to keep what is in order
    TcpNoRoom,
    /// no room for what a SYN asks for: the shard holds no more connections
    TcpBacklog,
    /// no memory for one more connection
    TcpMemory,
    /// an acknowledgment that brings no SYN cookie of ours back, while cookies are out
    TcpCookie,
    /// more connections than a shard holds
    TcpFull,
    /// an ICMP error that was held back by the rate limit
    ErrorRateLimit,
    /// an ICMP error about a packet that must not have one
    ErrorForbidden,
    /// a packet for which there is no route
    NoRoute,
    /// a packet that is larger than the link carries
    TooBig,
    /// the neighbour did not answer
    NeighborUnreachable,
    /// too many frames wait for neighbours
    ParkedFull,
    /// too many neighbours are being resolved
    NeighborsFull,
    /// more to be sent at once than the outbox holds
    OutboxFull,
    /// an answer of DNS to something that nobody asked, or a datagram for a service that takes none
    Unasked,
    /// no memory left in the pool for this use
    PoolFull,
    /// the device took no more
    DeviceFull,
    /// the device refused the frame
    DeviceError,
    /// another shard's mailbox was full
    MailboxFull,
    /// a service answered with a frame that it had given away
    Misuse,
}

impl fmt::Display for Dropped {
    /// The name in kebab case, as scripts see it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, letter) in format!("{self:?}").char_indices() {
            if letter.is_uppercase() && position > 0 {
                f.write_str("-")?;
            }
            write!(f, "{}", letter.to_ascii_lowercase())?;
        }
        Ok(())
    }
}

macro_rules! counters {
    ($($(#[doc = $meaning:literal])+ $name:ident),* $(,)?) => {
        /// Everything that one shard counts, from its start.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Counters {
            $($(#[doc = $meaning])+ pub $name: u64,)*
            dropped: [u64; Dropped::ALL.len()],
        }

        impl Default for Counters {
            fn default() -> Counters {
                Counters { $($name: 0,)* dropped: [0; Dropped::ALL.len()] }
            }
        }

        impl Counters {
            /// Adds another shard's.
            pub fn add(&mut self, other: &Counters) {
                let Counters { $($name,)* dropped } = other;
                $(self.$name += $name;)*
                for (mine, theirs) in self.dropped.iter_mut().zip(dropped) {
                    *mine += theirs;
                }
            }

            /// Names and values, without the drops.
            pub fn named(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name)),*].into_iter()
            }
        }
    };
}

counters! {
    /// frames that the device gave us
    frames_received,
    /// frames that the device took from us
    frames_sent,
    /// bytes in the frames received, from the Ethernet header on
    bytes_received,
    /// bytes in the frames sent
    bytes_sent,
    /// ARP requests answered
    arp_answered,
    /// RARP requests answered
    rarp_answered,
    /// echo requests answered
    echo_answered,
    /// ICMP timestamp requests answered
    timestamps_answered,
    /// neighbour solicitations answered
    ndp_answered,
    /// fragments that wait, or waited, for the rest of their datagram
    fragments_kept,
    /// datagrams that became whole
    reassembled,
    /// datagrams sent as fragments
    fragmented,
    /// frames of ARP and neighbour discovery that told of a neighbour and asked nothing
    neighbors_heard,
    /// questions and reports of IGMP and MLD taken in
    groups_heard,
    /// reports of IGMP and MLD sent
    groups_told,
    /// ICMP errors sent
    errors_sent,
    /// ICMP errors sent about datagrams that were not whole in time
    errors_sent_late,
    /// ICMP errors that reached the connection or endpoint that caused them
    errors_received,
    /// paths on which segments vanished without a word, and that are taken to carry less (RFC 4821)
    paths_suspected,
    /// router advertisements taken in
    advertisements,
    /// claims of router advertisements that were left out: they cannot be, would cut us off, or found no room
    claims_refused,
    /// messages of DHCP servers taken in
    dhcp_received,
    /// options of DHCP servers that were left out: they cannot be, would cut us off, or found no room
    options_refused,
    /// redirects that were followed
    redirected,
    /// frames whose datagrams reached a service
    frames_delivered,
    /// UDP datagrams that reached a service
    datagrams_received,
    /// UDP datagrams that a service answered in the frame in which they came
    datagrams_in_place,
    /// UDP datagrams that a service wrote
    datagrams_sent,
    /// TCP segments answered with a reset
    resets_sent,
    /// TCP segments that reached a connection; a superframe counts once
    segments_received,
    /// TCP segments that connections sent; a superframe counts once
    segments_sent,
    /// of them, those sent again
    segments_again,
    /// SYN cookies sent: opens of which nothing was kept
    cookies_sent,
    /// TCP connections that a cookie opened
    cookies_accepted,
    /// TCP connections that opened
    connections_opened,
    /// TCP connections that ended
    connections_ended,
    /// TCP connections reset because memory was short and their peers took nothing (RFC 6429)
    connections_given_up,
    /// bytes copied between the two system calls, beyond what is answered in place
    bytes_copied,
    /// frames handed to another shard, the owner of their flow
    frames_handed_over,
    /// copies for the other shards of frames that told of a neighbour
    frames_told,
    /// frames and copies that another shard handed to this one
    frames_taken_over,
    /// of what was dropped: what was to be sent, not what was received
    unsent,
    /// of what was dropped: datagrams whose fragments were kept
    unfinished,
}

impl Counters {
    /// Counts the drop of a received frame.
    #[inline]
    pub fn drop(&mut self, why: Dropped) {
        self.dropped[why as usize] += 1;
    }

    /// Counts the drop of what was to be sent: an answer, a copy, what a service wrote.
    pub fn drop_unsent(&mut self, why: Dropped) {
        self.unsent += 1;
        self.drop(why);
    }

    /// Counts the drop of a datagram whose fragments were kept.
    pub fn drop_kept(&mut self, why: Dropped) {
        self.unfinished += 1;
        self.drop(why);
    }

    /// How often something was dropped for this reason.
    pub fn dropped(&self, why: Dropped) -> u64 {
        self.dropped[why as usize]
    }

    /// How much was dropped in all.
    pub fn dropped_in_all(&self) -> u64 {
        self.dropped.iter().sum()
    }

    /// Frames that came, from the device or from another shard.
    pub fn frames_in(&self) -> u64 {
        self.frames_received + self.frames_taken_over
    }

    /// Frames with whose answer, delivery, handing over or drop their way up ended. After every turn it is
    /// [`Counters::frames_in`]: each frame ends once, and under one name. An answer counts, whether the device took it
    /// or not.
    pub fn frames_ended(&self) -> u64 {
        let Counters { arp_answered, rarp_answered, echo_answered, ndp_answered, errors_sent, resets_sent, .. } = self;
        let asked = arp_answered + rarp_answered + echo_answered + self.timestamps_answered + ndp_answered;
        let answered = asked + errors_sent + resets_sent;
        let received_and_dropped = self.dropped_in_all() - self.unsent - self.unfinished;
        let taken = self.neighbors_heard + self.errors_received + self.frames_delivered + self.frames_handed_over;
        answered + taken + self.groups_heard + self.fragments_kept + received_and_dropped
    }
}

impl fmt::Display for Counters {
    /// One `name value` a line, zeros left out; then the drops with what they mean.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in self.named().filter(|(_, value)| *value > 0) {
            writeln!(f, "{:<24} {value:>14}", name.replace('_', "-"))?;
        }
        for why in Dropped::ALL.iter().filter(|why| self.dropped(**why) > 0) {
            let name = format!("dropped-{why}");
            writeln!(f, "{name:<24} {:>14}  {}", self.dropped(*why), why.meaning())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_are_printed_with_what_they_mean() {
        let mut counters = Counters { frames_received: 2, ..Counters::default() };
        counters.drop(Dropped::NotOurMac);
        let text = counters.to_string();
        assert!(text.contains("frames-received                       2\n"), "{text}");
        assert!(text.contains("dropped-not-our-mac                   1  not for our Ethernet address"), "{text}");
        assert_eq!(text.lines().count(), 2);
    }
}
