//! G.711: 16 bits of a sample become 8, nearly on a logarithmic scale.

/// µ-law of a sample (ITU-T G.711, table 2).
pub fn mu(sample: i16) -> u8 {
    const BIAS: i32 = 33;
    const MOST: i32 = 8158;
    // 14 bits.
    let wide = i32::from(sample) >> 2;
    let sign = if wide < 0 { 0x7f } else { 0xff };
    // A negative number's distance from zero, without the last bit that two's complement rounds by.
    let magnitude = (if wide < 0 { -wide } else { wide }).min(MOST) + BIAS;
    let segment = (31 - magnitude.leading_zeros() as i32 - 5).max(0);
    let step = (magnitude >> (segment + 1)) & 15;
    ((segment << 4 | step) as u8) ^ sign
}

/// A-law of a sample (ITU-T G.711, table 1).
pub fn a(sample: i16) -> u8 {
    // 13 bits.
    let wide = i32::from(sample) >> 3;
    let (magnitude, mask) = if wide >= 0 { (wide, 0xd5) } else { (-wide - 1, 0x55) };
    let segment = (31 - (magnitude | 31).leading_zeros() as i32 - 4).min(7);
    let step = if segment < 2 { magnitude >> 1 } else { magnitude >> segment } & 15;
    ((segment << 4 | step) as u8) ^ mask
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decoders as G.711 tells them: from 8 bits to what they stand for.
    fn mu_back(code: u8) -> i32 {
        let code = !code;
        let magnitude = ((i32::from(code & 15) << 3) + 132) << (code >> 4 & 7);
        if code & 0x80 != 0 { 132 - magnitude } else { magnitude - 132 }
    }

    fn a_back(code: u8) -> i32 {
        let code = code ^ 0x55;
        let step = i32::from(code & 15) << 4;
        let magnitude = match code >> 4 & 7 {
            0 => step + 8,
            segment => (step + 0x108) << (segment - 1),
        };
        if code & 0x80 != 0 { magnitude } else { -magnitude }
    }

    #[test]
    fn every_code_stands_for_itself_and_samples_are_near() {
        for code in 0..=255u8 {
            let (one, other) = (mu(mu_back(code) as i16), a(a_back(code) as i16));
            // µ-law has two zeros.
            assert!(one == code || code == 0x7f && one == 0xff, "{code:#x}: {one:#x}");
            assert_eq!(other, code);
        }
        for sample in i16::MIN..=i16::MAX {
            let near = |back: i32| (back - i32::from(sample)).abs() <= 8 + i32::from(sample).abs() / 16;
            assert!(near(mu_back(mu(sample))) || sample.unsigned_abs() > 32_124, "{sample}: {}", mu_back(mu(sample)));
            assert!(near(a_back(a(sample))), "{sample}: {}", a_back(a(sample)));
        }
    }
}
