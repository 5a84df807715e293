//! What is sent: sound that is cut into packets, or packets that were recorded.

use std::ops::Range;
use std::time::Duration;

use rtp_types::{RtpPacket, RtpPacketBuilder};

use super::g711;
use super::payload::{Encoding, PayloadTypes, Samples};
use super::{rtpdump, wav};

/// Sound in one packet (RFC 3551 §4.2).
const PACKET: Duration = Duration::from_millis(20);
/// Octets of one, so that it is in one piece on every path.
const LARGEST: usize = 1400;
/// The payload type of what has no static one (RFC 3551 §6).
const DYNAMIC: u8 = 96;
/// Bytes of a header with nothing optional in it.
const HEADER: usize = 12;

/// A file, ready to be sent.
pub struct Media {
    payload_type: u8,
    encoding: Encoding,
    kind: Kind,
    bytes: Vec<u8>,
}

enum Kind {
    /// Bytes of a packet, and samples in it.
    Sound { size: usize, samples: u32 },
    /// When each is due, and where it lies.
    Packets(Vec<(Duration, Range<usize>)>),
}

/// Why a file cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// As a WAV file.
    #[error(transparent)]
    Wav(#[from] wav::Unreadable),
    /// As an rtpdump file.
    #[error(transparent)]
    Dump(#[from] rtpdump::Unreadable),
    /// There is no packet in it.
    #[error("there is no RTP packet in it")]
    Empty,
}

/// How one of several streams of the same file differs from the others.
#[derive(Clone, Copy, Debug)]
pub struct Beginning {
    /// Its source.
    pub ssrc: u32,
    /// Its first sequence number.
    pub number: u16,
    /// Its first timestamp.
    pub timestamp: u32,
}

impl Media {
    /// Reads a WAV or rtpdump file. Linear sound is coded as `coding`, if that is asked for.
    ///
    /// # Errors
    /// Why it cannot be sent.
    pub fn read(bytes: Vec<u8>, coding: Option<Samples>, types: &PayloadTypes) -> Result<Media, Unreadable> {
        if bytes.starts_with(b"#!rtpplay") { Media::of_packets(bytes, types) } else { Media::of_sound(&bytes, coding) }
    }

    fn of_sound(bytes: &[u8], coding: Option<Samples>) -> Result<Media, Unreadable> {
        let sound = wav::Sound::read(bytes)?;
        let samples = match sound.samples {
            Samples::Linear16 => coding.unwrap_or(Samples::Linear16),
            // What is compressed stays as it is.
            compressed => compressed,
        };
        let linear = sound.data.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]]));
        let bytes = match (sound.samples, samples) {
            (Samples::Linear16, Samples::Mu) => linear.map(g711::mu).collect(),
            (Samples::Linear16, Samples::A) => linear.map(g711::a).collect(),
            (Samples::Linear16, Samples::Linear16) => linear.flat_map(i16::to_be_bytes).collect(),
            _ => sound.data.to_vec(),
        };
        let encoding = sound.encoding(samples);
        let frame = samples.size() * usize::from(sound.channels);
        let in_time = (u64::from(sound.rate) * PACKET.as_millis() as u64 / 1000) as usize;
        let count = in_time.min(LARGEST / frame).max(1);
        let payload_type = PayloadTypes::number_of(&encoding).unwrap_or(DYNAMIC);
        let kind = Kind::Sound { size: count * frame, samples: count as u32 };
        Ok(Media { payload_type, encoding, kind, bytes })
    }

    fn of_packets(bytes: Vec<u8>, types: &PayloadTypes) -> Result<Media, Unreadable> {
        let packets = rtpdump::packets(&bytes)?;
        let first = packets.iter().find_map(|(_, range)| RtpPacket::parse(&bytes[range.clone()]).ok());
        let payload_type = first.ok_or(Unreadable::Empty)?.payload_type();
        let encoding = types.encoding(payload_type).cloned();
        let encoding = encoding.unwrap_or_else(|| Encoding::new("unknown", types.rate(payload_type), 1));
        Ok(Media { payload_type, encoding, kind: Kind::Packets(packets), bytes })
    }

    /// The payload type of its packets; of the first one, if they differ.
    pub fn payload_type(&self) -> u8 {
        self.payload_type
    }

    /// What that means.
    pub fn encoding(&self) -> &Encoding {
        &self.encoding
    }

    /// How many packets there are.
    pub fn packets(&self) -> usize {
        match &self.kind {
            Kind::Sound { size, .. } => self.bytes.len().div_ceil(*size),
            Kind::Packets(packets) => packets.len(),
        }
    }

    /// How many packets are sent in a second, about.
    pub fn interval(&self) -> Duration {
        match &self.kind {
            Kind::Sound { samples, .. } => self.time_of(u64::from(*samples)),
            Kind::Packets(packets) => packets.last().map_or(Duration::ZERO, |(due, _)| *due / packets.len() as u32),
        }
    }

    fn time_of(&self, samples: u64) -> Duration {
        Duration::from_nanos((u128::from(samples) * 1_000_000_000 / u128::from(self.encoding.rate.max(1))) as u64)
    }

    /// How long after the first packet the n-th is due.
    pub fn due(&self, n: usize) -> Option<Duration> {
        match &self.kind {
            Kind::Sound { size, samples } => {
                (n * size < self.bytes.len()).then(|| self.time_of(n as u64 * u64::from(*samples)))
            }
            Kind::Packets(packets) => {
                let first = packets.first()?.0;
                packets.get(n).map(|(due, _)| due.saturating_sub(first))
            }
        }
    }

    /// The source and first timestamp that recorded packets have.
    pub fn recorded(&self) -> Option<Beginning> {
        let Kind::Packets(packets) = &self.kind else { return None };
        let first = packets.iter().find_map(|(_, range)| RtpPacket::parse(&self.bytes[range.clone()]).ok())?;
        Some(Beginning { ssrc: first.ssrc(), number: first.sequence_number(), timestamp: first.timestamp() })
    }

    /// How many bytes the n-th packet has.
    pub fn length(&self, n: usize) -> usize {
        match &self.kind {
            Kind::Sound { .. } => HEADER + self.sound(n).len(),
            Kind::Packets(packets) => packets.get(n).map_or(0, |(_, range)| range.len()),
        }
    }

    fn sound(&self, n: usize) -> &[u8] {
        let Kind::Sound { size, .. } = self.kind else { return &[] };
        let end = self.bytes.len().min((n + 1) * size);
        self.bytes.get(n * size..end).unwrap_or_default()
    }

    /// Writes the n-th packet; returns its length, and that of its payload. Recorded packets are those that they were.
    pub fn write(&self, n: usize, beginning: Beginning, place: &mut [u8]) -> (usize, usize) {
        match &self.kind {
            Kind::Sound { samples, .. } => {
                let Beginning { ssrc, number, timestamp } = beginning;
                let sound = self.sound(n);
                let builder = RtpPacketBuilder::<&[u8], &[u8]>::new()
                    .payload_type(self.payload_type)
                    // The first packet of a talkspurt (RFC 3551 §4.1).
                    .marker_bit(n == 0)
                    .sequence_number(number.wrapping_add(n as u16))
                    .timestamp(timestamp.wrapping_add((n as u32).wrapping_mul(*samples)))
                    .ssrc(ssrc)
                    .payload(sound);
                (builder.write_into(place).unwrap_or(0), sound.len())
            }
            Kind::Packets(packets) => {
                let packet = packets.get(n).and_then(|(_, range)| self.bytes.get(range.clone())).unwrap_or_default();
                let length = packet.len().min(place.len());
                place[..length].copy_from_slice(&packet[..length]);
                (length, RtpPacket::parse(packet).map_or(0, |packet| packet.payload_len()))
            }
        }
    }
}
