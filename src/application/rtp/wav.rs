//! WAV: the head that a recording gets, and what there is in a file that is to be sent.

use arrayvec::ArrayVec;

use super::payload::{Encoding, Samples};

/// Bytes of the longest head.
pub const HEAD: usize = 58;

/// Codes of formats (RFC 2361).
mod code {
    pub(super) const PCM: u16 = 1;
    pub(super) const A_LAW: u16 = 6;
    pub(super) const MU_LAW: u16 = 7;
    /// The code is in what follows.
    pub(super) const EXTENSIBLE: u16 = 0xfffe;
}

/// What stands in front of `length` bytes of samples. For every length it is equally long.
pub fn head(samples: Samples, rate: u32, channels: u8, length: u32) -> ArrayVec<u8, HEAD> {
    let (code, size) = match samples {
        Samples::Mu => (code::MU_LAW, 1u16),
        Samples::A => (code::A_LAW, 1),
        Samples::Linear16 => (code::PCM, 2),
    };
    let frame = size * u16::from(channels);
    let is_plain = code == code::PCM;
    let behind = if is_plain { 0 } else { 2 + 12 };
    let mut head = ArrayVec::new();
    let mut put = |bytes: &[u8]| head.try_extend_from_slice(bytes).expect("a head is no longer than HEAD");
    put(b"RIFF");
    put(&(36 + behind + length.next_multiple_of(2)).to_le_bytes());
    put(b"WAVEfmt ");
    put(&(if is_plain { 16u32 } else { 18 }).to_le_bytes());
    put(&code.to_le_bytes());
    put(&u16::from(channels).to_le_bytes());
    put(&rate.to_le_bytes());
    put(&(rate * u32::from(frame)).to_le_bytes());
    put(&frame.to_le_bytes());
    put(&(size * 8).to_le_bytes());
    if !is_plain {
        put(&0u16.to_le_bytes());
        put(b"fact");
        put(&4u32.to_le_bytes());
        put(&(length / u32::from(frame.max(1))).to_le_bytes());
    }
    put(b"data");
    put(&length.to_le_bytes());
    head
}

/// Sound in a file: how it is coded, and its samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sound<'a> {
    /// How the samples are coded; 16 bits have the low byte first here.
    pub samples: Samples,
    /// Samples of one channel in a second.
    pub rate: u32,
    /// Channels.
    pub channels: u8,
    /// All samples.
    pub data: &'a [u8],
}

/// Why a file is not to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// No WAV.
    #[error("it is no WAV file")]
    NotWav,
    /// Other samples than 16 bits, µ-law or A-law.
    #[error("its samples are neither of 16 bits nor µ-law nor A-law")]
    Coding,
    /// No samples.
    #[error("there are no samples in it")]
    Empty,
}

impl<'a> Sound<'a> {
    /// Reads a file.
    ///
    /// # Errors
    /// Why it is not to be sent.
    pub fn read(bytes: &'a [u8]) -> Result<Sound<'a>, Unreadable> {
        let body =
            bytes.strip_prefix(b"RIFF").filter(|rest| rest.get(4..8) == Some(b"WAVE")).ok_or(Unreadable::NotWav)?;
        let mut rest = &body[8..];
        let mut format = None;
        while let Some((name, length, behind)) = chunk(rest) {
            // The length of what was being written when its program ended lies.
            let here = &behind[..length.min(behind.len())];
            match &name {
                b"fmt " => format = Some(read_format(here)?),
                b"data" => {
                    let (samples, rate, channels) = format.ok_or(Unreadable::NotWav)?;
                    let frame = samples.size() * usize::from(channels);
                    let data = &here[..here.len() / frame * frame];
                    return if data.is_empty() {
                        Err(Unreadable::Empty)
                    } else {
                        Ok(Sound { samples, rate, channels, data })
                    };
                }
                _ => {}
            }
            rest = behind.get(length.next_multiple_of(2)..).unwrap_or_default();
        }
        Err(Unreadable::Empty)
    }

    /// What it is in RTP.
    pub fn encoding(&self, samples: Samples) -> Encoding {
        let name = match samples {
            Samples::Mu => "PCMU",
            Samples::A => "PCMA",
            Samples::Linear16 => "L16",
        };
        Encoding::new(name, self.rate, self.channels)
    }
}

fn chunk(bytes: &[u8]) -> Option<([u8; 4], usize, &[u8])> {
    let (name, rest) = bytes.split_first_chunk::<4>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    Some((*name, u32::from_le_bytes(*length) as usize, rest))
}

fn read_format(bytes: &[u8]) -> Result<(Samples, u32, u8), Unreadable> {
    let word = |at: usize| Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
    let read = || {
        let code = match word(0)? {
            code::EXTENSIBLE => word(24)?,
            code => code,
        };
        let rate = u32::from_le_bytes(*bytes.get(4..)?.first_chunk()?);
        Some((code, u8::try_from(word(2)?).ok()?, rate, word(14)?))
    };
    let (code, channels, rate, bits) = read().ok_or(Unreadable::NotWav)?;
    if channels == 0 || rate == 0 {
        return Err(Unreadable::NotWav);
    }
    let samples = match (code, bits) {
        (code::PCM, 16) => Samples::Linear16,
        (code::MU_LAW, 8) => Samples::Mu,
        (code::A_LAW, 8) => Samples::A,
        _ => return Err(Unreadable::Coding),
    };
    Ok((samples, rate, channels))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for (samples, rate, channels) in [
            (Samples::Mu, 8000, 1),
            (Samples::A, 8000, 2),
            (Samples::Linear16, 44_100, 2),
            (Samples::Linear16, 48_000, 1),
        ] {
            let data = [1, 2, 3, 4, 5, 6, 7, 8];
            let mut file = head(samples, rate, channels, 8).to_vec();
            file.extend_from_slice(&data);
            assert_eq!(u32::from_le_bytes(file[4..8].try_into().unwrap()) as usize, file.len() - 8);
            assert_eq!(Sound::read(&file), Ok(Sound { samples, rate, channels, data: &data }));
            for length in 0..file.len() {
                let _cut = Sound::read(&file[..length]);
            }
        }
        assert_eq!(Sound::read(b"RIFX"), Err(Unreadable::NotWav));
        let mut eight_bits = head(Samples::Linear16, 8000, 1, 2).to_vec();
        eight_bits[34] = 8;
        eight_bits.extend_from_slice(&[0, 0]);
        assert_eq!(Sound::read(&eight_bits), Err(Unreadable::Coding));
    }
}
