//! What the CLOSED state answers (RFC 9293 §3.10.7.1).

use zerocopy::IntoBytes;

use crate::base::address::Address;
use crate::base::counters::Dropped;
use crate::buffer::{Checksum, Offload};
use crate::wire::checksum::Sum;
use crate::wire::protocol;
use crate::wire::tcp::{Header, Segment, flag};

/// The reset that refuses a segment from `source` to `destination`.
pub fn refuse(bytes: &[u8], source: Address, destination: Address, offload: Offload) -> Result<Header, Dropped> {
    let Segment { header, payload, .. } = Segment::parse(bytes)?;
    let pseudo = || Sum::pseudo(source, destination, protocol::TCP, bytes.len());
    if offload.checksum == Checksum::Complete && !pseudo().bytes(bytes).is_whole() {
        return Err(Dropped::BadTcpChecksum);
    }
    if header.has(flag::RST) {
        return Err(Dropped::TcpIgnored);
    }
    let ports = (header.destination, header.source);
    let mut reset = if header.has(flag::ACK) {
        Header::new(ports, header.acknowledgment.get(), 0, flag::RST)
    } else {
        // SYN and FIN take a number each (RFC 9293 §3.4).
        let controls = u32::from(header.has(flag::SYN)) + u32::from(header.has(flag::FIN));
        let length = (payload.len() as u32).wrapping_add(controls);
        Header::new(ports, 0, header.sequence.get().wrapping_add(length), flag::RST | flag::ACK)
    };
    let pseudo = Sum::pseudo(destination, source, protocol::TCP, size_of::<Header>());
    reset.checksum = pseudo.bytes(reset.as_bytes()).checksum();
    Ok(reset)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(flags: u8, payload: &[u8]) -> Result<Header, Dropped> {
        let segment = Header::new((1000.into(), 80.into()), u32::MAX, 77, flags);
        let bytes = [segment.as_bytes(), payload].concat();
        let [us, them] = [2, 1].map(|last| Address::from_v4([10, 77, 0, last]));
        refuse(&bytes, them, us, Offload { checksum: Checksum::Verified, segments: None })
    }

    #[test]
    fn resets_are_acceptable_to_who_gets_them() {
        let to_syn = answer(flag::SYN, b"").unwrap();
        assert_eq!((to_syn.sequence.get(), to_syn.acknowledgment.get(), to_syn.flags), (0, 0, flag::RST | flag::ACK));
        let to_data = answer(flag::FIN, b"four").unwrap();
        assert_eq!((to_data.sequence.get(), to_data.acknowledgment.get()), (0, 4), "the numbers wrap");
        let to_ack = answer(flag::ACK, b"data").unwrap();
        assert_eq!((to_ack.sequence.get(), to_ack.acknowledgment.get(), to_ack.flags), (77, 0, flag::RST));
        assert_eq!((to_ack.source.get(), to_ack.destination.get()), (80, 1000));
    }

    #[test]
    fn a_reset_is_not_answered() {
        assert_eq!(answer(flag::RST, b""), Err(Dropped::TcpIgnored));
        assert_eq!(answer(flag::RST | flag::ACK, b""), Err(Dropped::TcpIgnored));
    }
}
