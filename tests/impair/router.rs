//! A router in the middle of the way, as far as it says that packets are too big (RFC 1191 §4, RFC 4443 §3.2).

/// The station that passes errors on, and the ends of the router's addresses.
const ROUTER: u8 = 0xfe;

/// The error that a frame gets from a router whose next link takes packets of so many bytes over IPv4 and IPv6; none if the
/// frame passes.
pub(crate) fn error(frame: &[u8], (mtu4, mtu6): (usize, usize)) -> Option<Vec<u8>> {
    let (ethernet, packet) = frame.split_at_checked(14)?;
    match ethernet[12..14] {
        [0x08, 0x00] if packet.len() > mtu4 => {
            assert!(packet[6] & 0x40 != 0, "this router does not cut");
            Some([frame_of(ethernet), v4(packet, mtu4)].concat())
        }
        [0x86, 0xdd] if packet.len() > mtu6 => Some([frame_of(ethernet), v6(packet, mtu6)].concat()),
        _ => None,
    }
}

fn frame_of(ethernet: &[u8]) -> Vec<u8> {
    [&ethernet[6..12], &[2, 0, 0, 0, 0, ROUTER], &ethernet[12..14]].concat()
}

fn v4(packet: &[u8], mtu: usize) -> Vec<u8> {
    let quote = &packet[..28];
    let mut message = [&[3, 4, 0, 0, 0, 0], &(mtu as u16).to_be_bytes()[..], quote].concat();
    let sum = checksum(&[&message]);
    message[2..4].copy_from_slice(&sum);
    let total = (20 + message.len()) as u16;
    let mut header =
        [&[0x45, 0], &total.to_be_bytes()[..], &[0, 0, 0, 0, 60, 1, 0, 0], &packet[12..15], &[ROUTER]].concat();
    header.extend(&packet[12..16]);
    let sum = checksum(&[&header]);
    header[10..12].copy_from_slice(&sum);
    [header, message].concat()
}

fn v6(packet: &[u8], mtu: usize) -> Vec<u8> {
    let quote = &packet[..packet.len().min(1280 - 48)];
    let mut message = [&[2, 0, 0, 0], &(mtu as u32).to_be_bytes()[..], quote].concat();
    let ends = [&packet[8..23], &[ROUTER], &packet[8..24]].concat();
    let length = message.len() as u16;
    let pseudo = [&ends[..], &u32::from(length).to_be_bytes(), &[0, 0, 0, 58]].concat();
    let sum = checksum(&[&pseudo, &message]);
    message[2..4].copy_from_slice(&sum);
    [&[0x60, 0, 0, 0], &length.to_be_bytes()[..], &[58, 60], &ends, &message].concat()
}

fn checksum(parts: &[&[u8]]) -> [u8; 2] {
    let bytes = parts.concat();
    let word = |pair: &[u8]| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u32::from(*low));
    let mut sum: u32 = bytes.chunks(2).map(word).sum();
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    (!(sum as u16)).to_be_bytes()
}
