//! A segment as the state machine sees it.

use zerocopy::FromBytes;

use super::sequence::SeqNumber;
use crate::base::address::{Address, Flow};
use crate::base::counters::Dropped;
use crate::buffer::{Checksum, Offload};
use crate::wire::checksum::Sum;
use crate::wire::protocol;
use crate::wire::tcp::{self, flag};
use crate::wire::tcp_options::Options;

/// What a segment says. Its data stay in the frame.
#[derive(Clone, Debug, Default)]
pub struct Segment {
    /// The number of its first byte, or of its SYN.
    pub sequence: SeqNumber,
    /// What its sender expects next; means something only with ACK.
    pub acknowledgment: SeqNumber,
    /// Control bits.
    pub flags: u8,
    /// What its sender takes, as it stands in the header.
    pub window: u16,
    /// Options.
    pub options: Options,
    /// Bytes of header and options.
    pub header_length: usize,
    /// Bytes of data.
    pub length: usize,
    /// Bytes of data in each of the segments that a superframe stands for.
    pub size: usize,
    /// Whether a router marked it (RFC 3168 §5).
    pub marked: bool,
}

impl Segment {
    /// Reads one that was checked, where it is to stand: moving it costs more than reading it.
    ///
    /// # Errors
    /// [`Dropped::BadTcp`] when its lengths, or those of its options, lead beyond it.
    #[inline]
    pub fn read(&mut self, bytes: &[u8], offload: Offload) -> Result<(), Dropped> {
        let tcp::Segment { header, options, payload } = tcp::Segment::parse(bytes)?;
        self.sequence = SeqNumber(header.sequence.get());
        self.acknowledgment = SeqNumber(header.acknowledgment.get());
        self.flags = header.flags;
        self.window = header.window.get();
        self.options.take_in(options)?;
        self.header_length = header.header_length();
        self.length = payload.len();
        self.size = offload.segment(payload.len());
        Ok(())
    }

    /// Whether a control bit is set.
    #[inline]
    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Numbers that it takes: its data, its SYN, its FIN (RFC 9293 §3.4).
    #[inline]
    pub fn span(&self) -> usize {
        self.length + usize::from(self.has(flag::SYN)) + usize::from(self.has(flag::FIN))
    }

    /// The number behind its last one.
    #[inline]
    pub fn end(&self) -> SeqNumber {
        self.sequence + self.span()
    }
}

/// Checks a segment from `source` to `destination`, and tells its header.
///
/// # Errors
/// [`Dropped::Truncated`] when it has none, [`Dropped::BadTcpChecksum`] when it is not whole.
#[inline]
pub fn check(bytes: &[u8], source: Address, destination: Address, offload: Offload) -> Result<&tcp::Header, Dropped> {
    let (header, _) = tcp::Header::ref_from_prefix(bytes).map_err(|_| Dropped::Truncated)?;
    if offload.checksum == Checksum::Complete
        && !Sum::pseudo(source, destination, protocol::TCP, bytes.len()).bytes(bytes).is_whole()
    {
        return Err(Dropped::BadTcpChecksum);
    }
    Ok(header)
}

/// A segment to be sent; its data lie elsewhere.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The number of its first byte, or of its SYN.
    pub sequence: SeqNumber,
    /// What we expect next; sent only with ACK.
    pub acknowledgment: SeqNumber,
    /// Control bits.
    pub flags: u8,
    /// What we take, as it stands in the header.
    pub window: u16,
    /// Options.
    pub options: Options,
}

impl Reply {
    /// A reset that its receiver can accept (RFC 9293 §3.10.7.1): what answers a segment that belongs to nothing.
    pub fn reset(segment: &Segment) -> Option<Reply> {
        if segment.has(flag::RST) {
            return None;
        }
        let (sequence, acknowledgment, flags) = if segment.has(flag::ACK) {
            (segment.acknowledgment, SeqNumber(0), flag::RST)
        } else {
            (SeqNumber(0), segment.end(), flag::RST | flag::ACK)
        };
        Some(Reply { sequence, acknowledgment, flags, window: 0, options: Options::default() })
    }

    /// The header, its checksum still zero.
    #[inline]
    pub fn header(&self, flow: &Flow, options: usize) -> tcp::Header {
        let ports = (flow.local.port.into(), flow.remote.port.into());
        let mut header =
            tcp::Header::new(ports, self.sequence.0, self.acknowledgment.0, self.flags).with_options(options);
        header.window = self.window.into();
        header
    }
}
