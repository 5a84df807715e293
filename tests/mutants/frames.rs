//! Valid frames of every kind, and what makes any frame interesting: it is turned towards our host, and what was damaged
//! in it gets right checksums again, so that it comes further than the first check.

pub(crate) const HOST_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];
pub(crate) const HOST_V4: [u8; 4] = [10, 77, 0, 2];
pub(crate) const HOST_V6: [u8; 16] = [0xfd, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];
pub(crate) const PEER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
pub(crate) const PEER_V4: [u8; 4] = [10, 77, 0, 1];
pub(crate) const PEER_V6: [u8; 16] = [0xfd, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

const ETHERNET: usize = 14;
const ICMP: u8 = 1;
const IGMP: u8 = 2;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;

/// All that we answer, and all that we refuse.
pub(crate) fn valid() -> Vec<Vec<u8>> {
    let mut frames = vec![
        arp([8, 6], 1, PEER_V4, HOST_V4),
        arp([8, 6], 2, PEER_V4, HOST_V4),
        arp([8, 6], 1, PEER_V4, PEER_V4),
        arp([8, 6], 1, [0; 4], HOST_V4),
        arp([0x80, 0x35], 3, [0; 4], [0; 4]),
        v4(ICMP, &[], &icmp(8, &[0xab, 0xcd, 0, 1, 1, 2, 3])),
        v4(ICMP, &[], &icmp(3, &[&[0; 4], &of_ours(v4(UDP, &[], &udp(7, 5000, b"quoted")))[..]].concat())),
        v4(ICMP, &[7, 7, 4, 0, 0, 0, 0, 0], &icmp(8, b"ping")),
        v4(UDP, &[0x83, 7, 4, 10, 0, 0, 1, 0], &udp(5000, 7, b"source route")),
        v4(TCP, &[], &tcp(80, 0x02)),
        v4(TCP, &[], &tcp(7, 0x02)),
        v4(TCP, &[], &tcp(19, 0x10)),
        v4(47, &[], &[0; 8]),
        v6(ICMPV6, &icmp(128, &[0xab, 0xcd, 0, 1, 1, 2, 3])),
        v6(ICMPV6, &icmp(2, &[&[0, 0, 5, 0], &of_ours(v6(UDP, &udp(7, 5000, b"quoted")))[..]].concat())),
        v6(ICMPV6, &discovery(135, 0, HOST_V6, 1)),
        v6(ICMPV6, &discovery(136, 0x60, PEER_V6, 2)),
        v6(ICMPV6, &discovery(136, 0x20, PEER_V6, 2)),
        v6(ICMPV6, &discovery(134, 0, PEER_V6, 1)),
        v6(TCP, &tcp(7, 0x02)),
        v6(0, &[&[UDP, 0, 5, 2, 0, 0, 1, 0][..], &udp(5000, 7, b"router alert")].concat()),
        v6(43, &[&[UDP, 0, 0, 0, 0, 0, 0, 0][..], &udp(5000, 7, b"routed")].concat()),
        v6(44, &[&[UDP, 0, 0, 0, 1, 2, 3, 4][..], &udp(5000, 7, b"atomic")].concat()),
        v6(60, &[&[UDP, 0, 0xc2, 4, 0, 0, 0, 0][..], &udp(5000, 7, b"tell me")].concat()),
        v6(59, &[]),
    ];
    for port in [7, 9, 19, 2000, 4000] {
        frames.push(v4(UDP, &[], &udp(5000, port, b"to a service")));
        frames.push(v6(UDP, &udp(5000, port, b"to a service")));
    }
    frames.extend([of_a_router(&advertisement()), of_a_router(&redirect()), v4(UDP, &[], &udp(67, 68, &offer()))]);
    frames.extend(groups());
    frames.iter_mut().for_each(|frame| repair(frame));
    frames
}

/// A router's message from the link.
fn of_a_router(message: &[u8]) -> Vec<u8> {
    let mut frame = v6(ICMPV6, message);
    frame[22..38].copy_from_slice(&ROUTER);
    frame
}

/// What routers ask of groups in every version, and what hosts tell of them in the old ones.
fn groups() -> Vec<Vec<u8>> {
    let (v4_group, mut v6_group) = ([232, 1, 2, 3], [0; 16]);
    v6_group[..2].copy_from_slice(&[0xff, 0x15]);
    let tail = [&[2, 125, 0, 1][..], &PEER_V4].concat();
    let current = [&[0x11, 10, 0, 0][..], &v4_group, &tail].concat();
    let of_v4 = [current, [&[0x11, 10, 0, 0][..], &[0; 4]].concat(), [&[0x16, 0, 0, 0][..], &v4_group].concat()];
    let tail = [&[2, 125, 0, 1][..], &PEER_V6].concat();
    let question = |group: &[u8], tail: &[u8]| icmp(130, &[&[3, 0xe8, 0, 0][..], group, tail].concat());
    let report = icmp(131, &[&[0; 4][..], &v6_group].concat());
    let of_v6 = [question(&v6_group, &tail), question(&[0; 16], &[]), report];
    let alerted = |message: &[u8]| {
        let alert = [ICMPV6, 0, 5, 2, 0, 0, 1, 0];
        let mut frame = v6(0, &[&alert[..], message].concat());
        frame[21] = 1;
        frame[22..38].copy_from_slice(&ROUTER);
        frame
    };
    let of_v4 = of_v4.iter().map(|message| {
        let mut frame = v4(IGMP, &[148, 4, 0, 0], message);
        frame[22] = 1;
        frame
    });
    of_v4.chain(of_v6.iter().map(|message| alerted(message))).collect()
}

const ROUTER: [u8; 16] = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const FAR: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// With a station, an MTU, a prefix, a route, a name server and a domain.
fn advertisement() -> Vec<u8> {
    let lifetime = [0, 0, 0, 9];
    let prefix = [&[3, 4, 64, 0xc0][..], &lifetime, &lifetime, &[0; 4], &FAR].concat();
    let route = [&[24, 3, 48, 8][..], &lifetime, &FAR].concat();
    let server = [&[25, 3, 0, 0][..], &lifetime, &PEER_V6].concat();
    let domain = [&[31, 2, 0, 0][..], &lifetime, b"\x03lab\0\0\0\0"].concat();
    let head = [&[64, 0, 0, 9][..], &[0; 8], &[1, 1], &PEER_MAC, &[5, 1, 0, 0, 0, 0, 5, 120]].concat();
    icmp(134, &[head, prefix, route, server, domain].concat())
}

fn redirect() -> Vec<u8> {
    let mut other = ROUTER;
    other[15] = 2;
    icmp(137, &[&[0; 4], &other[..], &FAR, &[2, 1], &PEER_MAC].concat())
}

/// What a DHCP server offers, in a transaction of its own.
fn offer() -> Vec<u8> {
    let head = [&[2, 1, 6, 0, 1, 2, 3, 4][..], &[0; 8], &[10, 77, 0, 9], &[0; 8], &HOST_MAC].concat();
    let options = [53, 1, 2, 54, 4, 10, 77, 0, 1, 51, 4, 0, 0, 14, 16, 1, 4, 255, 255, 255, 0, 3, 4, 10, 77, 0, 1];
    let routes = [121, 12, 0, 10, 77, 0, 1, 16, 10, 78, 10, 77, 0, 3, 255];
    [&head[..], &[0; 202], &[99, 130, 83, 99], &options, &routes].concat()
}

/// Makes our host the destination, and one host the source.
pub(crate) fn aim(frame: &mut [u8]) {
    let Some((ethernet, rest)) = frame.split_at_mut_checked(ETHERNET) else { return };
    ethernet[..6].copy_from_slice(&HOST_MAC);
    ethernet[6] &= !1;
    match (&ethernet[12..], rest) {
        ([8, 0], rest) if rest.len() >= 20 => {
            rest[12..15].copy_from_slice(&PEER_V4[..3]);
            rest[16..20].copy_from_slice(&HOST_V4);
        }
        ([0x86, 0xdd], rest) if rest.len() >= 40 => {
            rest[8..23].copy_from_slice(&PEER_V6[..15]);
            rest[24..40].copy_from_slice(&HOST_V6);
        }
        ([8, 6], rest) if rest.len() >= 28 => {
            rest[14..17].copy_from_slice(&PEER_V4[..3]);
            rest[24..28].copy_from_slice(&HOST_V4);
        }
        _ => {}
    }
}

/// Puts the checksums right that can be found, whatever else is wrong.
pub(crate) fn repair(frame: &mut [u8]) {
    let Some((ethernet, packet)) = frame.split_at_mut_checked(ETHERNET) else { return };
    match ethernet[12..] {
        [8, 0] if packet.len() >= 20 => {
            let length = (usize::from(packet[0] & 15) * 4).clamp(20, packet.len());
            packet[10..12].fill(0);
            let checksum = !sum(0, &packet[..length]);
            packet[10..12].copy_from_slice(&checksum.to_be_bytes());
            let total = usize::from(u16::from_be_bytes([packet[2], packet[3]])).clamp(length, packet.len());
            let (header, upper) = packet[..total].split_at_mut(length);
            let protocol = header[9];
            complete(protocol, sum(0, &header[12..20]), upper);
        }
        [0x86, 0xdd] if packet.len() >= 40 => {
            let (header, rest) = packet.split_at_mut(40);
            let length = usize::from(u16::from_be_bytes([header[4], header[5]])).min(rest.len());
            let addresses = sum(0, &header[8..40]);
            let (mut next, mut upper) = (header[6], &mut rest[..length]);
            for _ in 0..8 {
                let skipped = match (next, &*upper) {
                    (0 | 43 | 60, [_, units, ..]) => (usize::from(*units) + 1) * 8,
                    (44, [_, ..]) => 8,
                    _ => break,
                };
                next = upper[0];
                upper = upper.split_at_mut(skipped.min(upper.len())).1;
            }
            complete(next, addresses, upper);
        }
        _ => {}
    }
}

fn complete(protocol: u8, addresses: u16, upper: &mut [u8]) {
    let at = match protocol {
        ICMP | IGMP | ICMPV6 => 2,
        TCP => 16,
        UDP => 6,
        _ => return,
    };
    if upper.len() < at + 2 {
        return;
    }
    upper[at..at + 2].fill(0);
    let is_bare = matches!(protocol, ICMP | IGMP);
    let pseudo = if is_bare { 0 } else { sum(addresses, &[0, protocol]) };
    let length = if is_bare { 0 } else { upper.len() as u16 };
    let checksum = match !sum(sum(pseudo, &length.to_be_bytes()), upper) {
        0 if protocol == UDP => 0xffff,
        checksum => checksum,
    };
    upper[at..at + 2].copy_from_slice(&checksum.to_be_bytes());
}

/// The one's complement sum of bytes, folded, on top of another (RFC 1071).
pub(crate) fn sum(before: u16, bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|pair| u64::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)])));
    let mut sum = u64::from(before) + words.sum::<u64>();
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    sum as u16
}

fn ethernet(ether_type: [u8; 2], payload: &[u8]) -> Vec<u8> {
    [&HOST_MAC[..], &PEER_MAC, &ether_type, payload].concat()
}

fn arp(ether_type: [u8; 2], operation: u8, sender: [u8; 4], target: [u8; 4]) -> Vec<u8> {
    let head = [0, 1, 8, 0, 6, 4, 0, operation];
    ethernet(ether_type, &[&head[..], &PEER_MAC, &sender, &PEER_MAC, &target].concat())
}

fn v4(protocol: u8, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let words = 5 + (options.len() / 4) as u8;
    let [a, b] = ((20 + options.len() + payload.len()) as u16).to_be_bytes();
    let head = [0x40 | words, 0, a, b, 0x12, 0x34, 0, 0, 64, protocol, 0, 0];
    ethernet([8, 0], &[&head[..], &PEER_V4, &HOST_V4, options, payload].concat())
}

fn v6(next: u8, payload: &[u8]) -> Vec<u8> {
    let [a, b] = (payload.len() as u16).to_be_bytes();
    let head = [0x60, 0, 0, 0, a, b, next, 255];
    ethernet([0x86, 0xdd], &[&head[..], &PEER_V6, &HOST_V6, payload].concat())
}

fn icmp(kind: u8, rest: &[u8]) -> Vec<u8> {
    [&[kind, 0, 0, 0], rest].concat()
}

/// A packet as it would come from our host to the peer.
fn of_ours(frame: Vec<u8>) -> Vec<u8> {
    let mut packet = frame[ETHERNET..].to_vec();
    let (at, length) = if packet[0] >> 4 == 4 { (12, 4) } else { (8, 16) };
    packet[at..at + 2 * length].rotate_left(length);
    packet
}

fn discovery(kind: u8, flags: u8, target: [u8; 16], option: u8) -> Vec<u8> {
    icmp(kind, &[&[flags, 0, 0, 0], &target[..], &[option, 1], &PEER_MAC].concat())
}

fn udp(from: u16, to: u16, payload: &[u8]) -> Vec<u8> {
    let length = (8 + payload.len()) as u16;
    [&from.to_be_bytes()[..], &to.to_be_bytes(), &length.to_be_bytes(), &[0, 0], payload].concat()
}

fn tcp(to: u8, flags: u8) -> Vec<u8> {
    let options = [2, 4, 5, 0xb4, 4, 2, 1, 3, 3, 7, 1, 1];
    [&[0x13, 0x88, 0, to, 0, 0, 1, 0, 0, 0, 2, 0, 0x80, flags, 0xff, 0xff, 0, 0, 0, 0][..], &options].concat()
}
