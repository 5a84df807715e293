//! Payload types: the static ones of RFC 3551 §6, and those that a configuration binds.

use std::fmt;
use std::str::FromStr;

/// What a payload type means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoding {
    /// As in SDP: `PCMU`, `opus`.
    pub name: String,
    /// Ticks of the timestamp in a second.
    pub rate: u32,
    /// Of audio.
    pub channels: u8,
}

impl Encoding {
    /// An encoding by its name.
    pub fn new(name: &str, rate: u32, channels: u8) -> Encoding {
        Encoding { name: name.to_owned(), rate, channels }
    }

    /// How its samples lie in a packet, if they can be recorded as WAV.
    pub fn samples(&self) -> Option<Samples> {
        match self.name.to_ascii_uppercase().as_str() {
            "PCMU" => Some(Samples::Mu),
            "PCMA" => Some(Samples::A),
            "L16" => Some(Samples::Linear16),
            _ => None,
        }
    }
}

impl fmt::Display for Encoding {
    /// As `a=rtpmap` has it (RFC 8866 §6.6).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.name, self.rate)?;
        if self.channels > 1 { write!(f, "/{}", self.channels) } else { Ok(()) }
    }
}

/// How samples of sound lie in a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Samples {
    /// G.711 µ-law, a byte each.
    Mu,
    /// G.711 A-law, a byte each.
    A,
    /// 16 bits, the high byte first (RFC 3551 §4.5.11).
    Linear16,
}

impl Samples {
    /// Bytes of one sample of one channel.
    pub fn size(self) -> usize {
        match self {
            Samples::Mu | Samples::A => 1,
            Samples::Linear16 => 2,
        }
    }
}

/// Static payload types (RFC 3551 §6, tables 4 and 5).
const STATIC: [(u8, &str, u32, u8); 24] = [
    (0, "PCMU", 8000, 1),
    (3, "GSM", 8000, 1),
    (4, "G723", 8000, 1),
    (5, "DVI4", 8000, 1),
    (6, "DVI4", 16_000, 1),
    (7, "LPC", 8000, 1),
    (8, "PCMA", 8000, 1),
    // Its clock is half of what it samples with, by an error that has to stay (§4.5.2).
    (9, "G722", 8000, 1),
    (10, "L16", 44_100, 2),
    (11, "L16", 44_100, 1),
    (12, "QCELP", 8000, 1),
    (13, "CN", 8000, 1),
    (14, "MPA", 90_000, 1),
    (15, "G728", 8000, 1),
    (16, "DVI4", 11_025, 1),
    (17, "DVI4", 22_050, 1),
    (18, "G729", 8000, 1),
    (25, "CelB", 90_000, 1),
    (26, "JPEG", 90_000, 1),
    (28, "nv", 90_000, 1),
    (31, "H261", 90_000, 1),
    (32, "MPV", 90_000, 1),
    (33, "MP2T", 90_000, 1),
    (34, "H263", 90_000, 1),
];

/// The clock of what is bound to nothing: that of all video (RFC 3551 §5).
pub const ASSUMED_RATE: u32 = 90_000;

/// What the payload types of a session mean.
#[derive(Clone, Debug)]
pub struct PayloadTypes {
    known: Vec<Option<Encoding>>,
    /// The same clock rates, where looking is quick.
    rates: [u32; 128],
}

impl Default for PayloadTypes {
    fn default() -> PayloadTypes {
        let mut types = PayloadTypes { known: vec![None; 128], rates: [ASSUMED_RATE; 128] };
        for (number, name, rate, channels) in STATIC {
            types.bind(Binding { number, encoding: Encoding::new(name, rate, channels) });
        }
        types
    }
}

impl PayloadTypes {
    /// Gives a payload type a meaning.
    pub fn bind(&mut self, binding: Binding) {
        let number = usize::from(binding.number & 0x7f);
        self.rates[number] = binding.encoding.rate;
        self.known[number] = Some(binding.encoding);
    }

    /// What one means.
    pub fn encoding(&self, number: u8) -> Option<&Encoding> {
        self.known.get(usize::from(number))?.as_ref()
    }

    /// The clock rate of one; [`ASSUMED_RATE`] of one without a meaning.
    #[inline]
    pub fn rate(&self, number: u8) -> u32 {
        self.rates[usize::from(number & 0x7f)]
    }

    /// The static type of an encoding.
    pub fn number_of(encoding: &Encoding) -> Option<u8> {
        let Encoding { name, rate, channels } = encoding;
        let same = |entry: &&(u8, &str, u32, u8)| (entry.1, entry.2, entry.3) == (name.as_str(), *rate, *channels);
        STATIC.iter().find(same).map(|entry| entry.0)
    }
}

/// One payload type with its meaning, written `97=opus/48000/2`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// 0 to 127.
    pub number: u8,
    /// What it means.
    pub encoding: Encoding,
}

impl FromStr for Binding {
    type Err = String;

    fn from_str(text: &str) -> Result<Binding, String> {
        let read = || {
            let (number, meaning) = text.split_once('=')?;
            let mut words = meaning.split('/');
            let (name, rate) = (words.next()?, words.next()?.parse().ok()?);
            let channels = words.next().map_or(Some(1), |word| word.parse().ok())?;
            let number = number.parse().ok().filter(|number| *number < 128)?;
            let good = !name.is_empty() && (1..=10_000_000).contains(&rate) && channels > 0 && words.next().is_none();
            good.then(|| Binding { number, encoding: Encoding::new(name, rate, channels) })
        };
        read().ok_or_else(|| format!("`{text}` binds no payload type: write it like 97=opus/48000/2"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bindings_are_read() {
        let opus = Binding { number: 97, encoding: Encoding::new("opus", 48_000, 2) };
        assert_eq!("97=opus/48000/2".parse(), Ok(opus.clone()));
        assert_eq!(opus.encoding.to_string(), "opus/48000/2");
        for bad in ["", "97", "97=", "97=opus", "128=a/1", "97=opus/0", "97=opus/48000/0", "97=opus/48000/2/1", "x=a/1"]
        {
            assert!(bad.parse::<Binding>().is_err(), "{bad}");
        }
    }

    #[test]
    fn types_have_the_clocks_of_the_profile() {
        let mut types = PayloadTypes::default();
        assert_eq!((types.rate(0), types.rate(10), types.rate(96)), (8000, 44_100, ASSUMED_RATE));
        types.bind("96=opus/48000/2".parse().unwrap());
        assert_eq!(types.rate(96), 48_000);
        assert_eq!(PayloadTypes::number_of(&Encoding::new("PCMA", 8000, 1)), Some(8));
        assert_eq!(PayloadTypes::number_of(&Encoding::new("L16", 48_000, 1)), None);
    }
}
