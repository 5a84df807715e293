//! How captured frames stand in a file: pcapng, which Wireshark, `tshark` and `tcpdump` read.
//!
//! Read first: draft-ietf-opsawg-pcapng §4.1 to §4.3 and §4.6. Every frame is an Enhanced Packet Block of the link type
//! Ethernet, with its time in nanoseconds. No link type has room for a `virtio_net_hdr`, so a superframe stands there in
//! one piece, as we had it, and its offload header beside it, twice: in the flags (direction, checksum not ready,
//! checksum valid, TCP segmentation) for programs, and in full in a comment, `csum_start=34 csum_offset=6 gso_type=udp
//! gso_size=1448`, for people. Where a checksum is not ready its field holds the sum of the pseudo-header only.

use std::borrow::Cow;
use std::io;
use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{InterfaceDescriptionBlock, InterfaceDescriptionOption};
use pcap_file::pcapng::blocks::interface_statistics::{InterfaceStatisticsBlock, InterfaceStatisticsOption};
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::{DataLink, Endianness, PcapError};

use super::capture::{Captured, Direction};
use crate::base::time::Instant;
use crate::buffer::{Checksum, Offload, SegmentKind};

/// `epb_flags`, by the number of the bit.
mod flag {
    pub(super) const INBOUND: u32 = 1;
    pub(super) const OUTBOUND: u32 = 2;
    pub(super) const CHECKSUM_NOT_READY: u32 = 1 << 9;
    pub(super) const CHECKSUM_VALID: u32 = 1 << 10;
    pub(super) const TCP_SEGMENTATION: u32 = 1 << 11;
}

/// A pcapng file that is being written.
pub struct Pcapng<W: Write> {
    writer: PcapNgWriter<W>,
    /// The time of day when the stack's own time began.
    origin: Duration,
    frames: u64,
}

impl<W: Write> Pcapng<W> {
    /// Begins a file with what there is to say of the interface `name`; `origin` is the time of day at
    /// [`Instant::ZERO`].
    ///
    /// # Errors
    /// What `file` says.
    pub fn new(file: W, name: &str, origin: SystemTime) -> io::Result<Pcapng<W>> {
        let program = concat!("taphouse ", env!("CARGO_PKG_VERSION"));
        let section = SectionHeaderBlock {
            // The crate writes times of statistics correctly in this order only.
            endianness: Endianness::Big,
            options: vec![SectionHeaderOption::UserApplication(Cow::Borrowed(program))],
            ..SectionHeaderBlock::default()
        };
        let interface = InterfaceDescriptionBlock {
            linktype: DataLink::ETHERNET,
            // No limit.
            snaplen: 0,
            options: vec![
                InterfaceDescriptionOption::IfName(Cow::Owned(name.to_owned())),
                // 10^-9 seconds.
                InterfaceDescriptionOption::IfTsResol(9),
            ],
        };
        let mut writer = PcapNgWriter::with_section_header(file, section).map_err(why)?;
        writer.write_pcapng_block(interface).map_err(why)?;
        let origin = origin.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Pcapng { writer, origin, frames: 0 })
    }

    /// Writes one frame.
    ///
    /// # Errors
    /// What the file says.
    pub fn frame(&mut self, captured: &Captured) -> io::Result<()> {
        let Captured { time, direction, bytes, length, offload, missing } = captured;
        let mut options = vec![EnhancedPacketOption::Flags(flags(*direction, offload))];
        if *offload != Offload::default() {
            options.push(EnhancedPacketOption::Comment(Cow::Owned(offload.to_string())));
        }
        if *missing > 0 {
            options.push(EnhancedPacketOption::DropCount(*missing));
        }
        let block = EnhancedPacketBlock {
            interface_id: 0,
            timestamp: self.time_of_day(*time),
            original_len: *length as u32,
            data: Cow::Borrowed(bytes),
            options,
        };
        self.writer.write_pcapng_block(block).map_err(why)?;
        self.frames += 1;
        Ok(())
    }

    /// Frames written.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Gives what is complete to the file.
    ///
    /// # Errors
    /// What the file says.
    pub fn flush(&mut self) -> io::Result<()> {
        self.writer.get_mut().flush()
    }

    /// Ends the file with how many frames are missing in it.
    ///
    /// # Errors
    /// What the file says.
    pub fn end(mut self, at: SystemTime, dropped: u64) -> io::Result<()> {
        let at = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        let statistics = InterfaceStatisticsBlock {
            interface_id: 0,
            timestamp: at.as_nanos() as u64,
            options: vec![
                InterfaceStatisticsOption::IsbIfRecv(self.frames + dropped),
                InterfaceStatisticsOption::IsbIfDrop(dropped),
            ],
        };
        self.writer.write_pcapng_block(statistics).map_err(why)?;
        self.flush()
    }

    fn time_of_day(&self, time: Instant) -> Duration {
        self.origin + Duration::from_nanos(time.as_nanos())
    }
}

fn flags(direction: Direction, offload: &Offload) -> u32 {
    let direction = match direction {
        Direction::In => flag::INBOUND,
        Direction::Out => flag::OUTBOUND,
    };
    let checksum = match offload.checksum {
        Checksum::Complete => 0,
        Checksum::Verified => flag::CHECKSUM_VALID,
        Checksum::Partial { .. } => flag::CHECKSUM_NOT_READY,
    };
    let segments = match offload.segments.map(|segments| segments.kind) {
        Some(SegmentKind::Tcp4 | SegmentKind::Tcp6) => flag::TCP_SEGMENTATION,
        Some(SegmentKind::Udp) | None => 0,
    };
    direction | checksum | segments
}

/// Writing knows no errors but the file's.
fn why(error: PcapError) -> io::Error {
    match error {
        PcapError::IoError(why) => why,
        other => io::Error::other(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::Segments;
    use pcap_file::pcapng::{Block, PcapNgReader};

    #[test]
    fn what_is_written_is_read() {
        let checksum = Checksum::Partial { start: 34, offset: 6 };
        let segments = Segments { kind: SegmentKind::Udp, size: 1448, ecn: false };
        let superframe = Captured {
            time: Instant::from_nanos(1_234_567_891),
            direction: Direction::In,
            bytes: vec![7; 60_001],
            length: 60_002,
            offload: Offload { checksum, segments: Some(segments) },
            missing: 3,
        };
        let plain = Captured {
            time: Instant::from_nanos(2_000_000_000),
            direction: Direction::Out,
            bytes: vec![8; 60],
            length: 60,
            offload: Offload::default(),
            missing: 0,
        };
        let mut file = Vec::new();
        let origin = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let mut pcapng = Pcapng::new(&mut file, "tap0", origin).unwrap();
        pcapng.frame(&superframe).unwrap();
        pcapng.frame(&plain).unwrap();
        assert_eq!(pcapng.frames(), 2);
        pcapng.end(origin, 3).unwrap();

        let mut reader = PcapNgReader::new(file.as_slice()).unwrap();
        let mut blocks = Vec::new();
        while let Some(block) = reader.next_block() {
            blocks.push(block.unwrap().into_owned());
        }
        let [
            Block::InterfaceDescription(interface),
            Block::EnhancedPacket(one),
            Block::EnhancedPacket(two),
            Block::InterfaceStatistics(end),
        ] = blocks.as_slice()
        else {
            panic!("{blocks:?}")
        };
        assert_eq!(interface.options[0], InterfaceDescriptionOption::IfName("tap0".into()));
        assert_eq!(one.timestamp, Duration::new(1_700_000_001, 234_567_891));
        assert_eq!((one.data.len(), one.original_len), (60_001, 60_002));
        let comment = "csum_start=34 csum_offset=6 gso_type=udp gso_size=1448";
        let options = [
            EnhancedPacketOption::Flags(flag::INBOUND | flag::CHECKSUM_NOT_READY),
            EnhancedPacketOption::Comment(comment.into()),
            EnhancedPacketOption::DropCount(3),
        ];
        assert_eq!(one.options, options);
        assert_eq!(two.options, [EnhancedPacketOption::Flags(flag::OUTBOUND)]);
        assert!(end.options.contains(&InterfaceStatisticsOption::IsbIfDrop(3)));
    }
}
