//! `.rtpdump`, the format of rtptools: packets as they came, each with when it did.
//!
//! ```text
//! #!rtpplay1.0 10.77.0.1/6000\n
//! start: seconds, microseconds | source | port | 0        of 32, 32, 32, 16 and 16 bits
//! length | of the packet, 0: RTCP | milliseconds | packet   of 16, 16 and 32 bits, again and again
//! ```

use std::ops::Range;
use std::time::Duration;

use arrayvec::ArrayVec;

use crate::base::address::{Endpoint, Family};

/// Bytes of the longest head.
pub const HEAD: usize = 96;
/// Bytes in front of each packet.
pub const ENTRY: usize = 8;

const MAGIC: &[u8] = b"#!rtpplay1.0 ";

/// What stands in front of all packets from a source that began so long after 1970.
pub fn head(from: Endpoint, began: Duration) -> ArrayVec<u8, HEAD> {
    use std::io::Write as _;
    let mut head = ArrayVec::new();
    let Endpoint { address, port } = from;
    let source = match address.family() {
        Family::V4 => *address.to_v6().last_chunk().unwrap_or(&[0; 4]),
        // There is no room for more than IPv4 has.
        Family::V6 => [0; 4],
    };
    let write = |head: &mut ArrayVec<u8, HEAD>| {
        head.write_all(MAGIC)?;
        writeln!(head, "{address}/{port}")?;
        head.write_all(&(began.as_secs() as u32).to_be_bytes())?;
        head.write_all(&began.subsec_micros().to_be_bytes())?;
        head.write_all(&source)?;
        head.write_all(&port.to_be_bytes())?;
        head.write_all(&[0; 2])
    };
    write(&mut head).expect("the longest address fits");
    head
}

/// What stands in front of a packet of RTP that came so long after the beginning.
pub fn entry(length: usize, offset: Duration) -> [u8; ENTRY] {
    let [a, b] = ((length + ENTRY) as u16).to_be_bytes();
    let [c, d] = (length as u16).to_be_bytes();
    let [e, f, g, h] = (offset.as_millis() as u32).to_be_bytes();
    [a, b, c, d, e, f, g, h]
}

/// Why a file cannot be played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// No such file.
    #[error("it is no rtpdump file")]
    NotDump,
    /// It ends within an entry, or an entry is longer than it says.
    #[error("an entry of it is cut off")]
    CutOff,
}

/// The packets of a file: when each is due, and where it lies.
///
/// # Errors
/// Why it cannot be played.
pub fn packets(bytes: &[u8]) -> Result<Vec<(Duration, Range<usize>)>, Unreadable> {
    let line = bytes.iter().position(|byte| *byte == b'\n').filter(|_| bytes.starts_with(MAGIC));
    let mut at = line.ok_or(Unreadable::NotDump)? + 1 + 16;
    let mut packets = Vec::new();
    while at < bytes.len() {
        let head: &[u8; ENTRY] = bytes.get(at..).and_then(|rest| rest.first_chunk()).ok_or(Unreadable::CutOff)?;
        let [a, b, c, d, e, f, g, h] = *head;
        let (length, packet) = (usize::from(u16::from_be_bytes([a, b])), usize::from(u16::from_be_bytes([c, d])));
        let end = at + length;
        if length < ENTRY || end > bytes.len() || packet > length - ENTRY {
            return Err(Unreadable::CutOff);
        }
        // Those of RTCP say 0: ours is written anew.
        if packet > 0 {
            let due = Duration::from_millis(u64::from(u32::from_be_bytes([e, f, g, h])));
            packets.push((due, at + ENTRY..at + ENTRY + packet));
        }
        at = end;
    }
    Ok(packets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::address::Address;

    #[test]
    fn what_is_written_is_read_and_no_cut_is_swallowed() {
        let from = Endpoint { address: Address::from_v4([10, 77, 0, 1]), port: 6000 };
        let mut file = head(from, Duration::from_micros(5_000_007)).to_vec();
        assert!(file.starts_with(b"#!rtpplay1.0 10.77.0.1/6000\n\0\0\0\x05\0\0\0\x07\x0a\x4d\0\x01\x17\x70\0\0"));
        let first = file.len();
        file.extend(entry(3, Duration::from_millis(20)));
        file.extend(b"abc");
        file.extend([0, 12, 0, 0, 0, 0, 0, 30, 1, 2, 3, 4]);
        file.extend(entry(2, Duration::from_secs(40)));
        file.extend(b"de");
        let packets_of = |bytes: &[u8]| {
            let read = packets(bytes)?;
            Ok(read.into_iter().map(|(due, range)| (due.as_millis(), bytes[range].to_vec())).collect::<Vec<_>>())
        };
        assert_eq!(packets_of(&file), Ok(vec![(20, b"abc".to_vec()), (40_000, b"de".to_vec())]));
        assert_eq!(packets_of(&file[..first]), Ok(vec![]));
        assert_eq!(packets_of(&file[..file.len() - 1]), Err(Unreadable::CutOff));
        assert_eq!(packets_of(&file[1..]), Err(Unreadable::NotDump));
    }
}
