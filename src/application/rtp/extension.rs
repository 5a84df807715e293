//! Elements of a header extension (RFC 8285): several of them behind one RTP header.

/// One element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// Which extension it is, as signalling bound it.
    pub id: u8,
    /// What it says.
    pub data: &'a [u8],
}

/// The profile of elements with a header of one byte (§4.2).
pub const ONE_BYTE: u16 = 0xbede;
/// The same of two bytes, without its four bits for the application (§4.3).
pub const TWO_BYTE: u16 = 0x1000;

/// The elements of an extension with this profile; none where the profile is another one's. What is cut off ends them.
pub fn elements(profile: u16, data: &[u8]) -> Elements<'_> {
    match profile {
        ONE_BYTE => Elements { rest: data, form: Form::OneByte },
        _ if profile & 0xfff0 == TWO_BYTE => Elements { rest: data, form: Form::TwoByte },
        _ => Elements { rest: &[], form: Form::OneByte },
    }
}

#[derive(Clone, Copy, Debug)]
enum Form {
    OneByte,
    TwoByte,
}

/// Elements, one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Elements<'a> {
    rest: &'a [u8],
    form: Form,
}

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        loop {
            let (first, rest) = self.rest.split_first()?;
            if *first == 0 {
                // Padding, between elements or behind them.
                self.rest = rest;
                continue;
            }
            let (id, length, rest) = match self.form {
                // §4.2: 15 is reserved, and ends what can be read.
                Form::OneByte if first >> 4 == 15 => (15, usize::MAX, rest),
                Form::OneByte => (first >> 4, usize::from(first & 15) + 1, rest),
                Form::TwoByte => {
                    let (length, rest) = rest.split_first()?;
                    (*first, usize::from(*length), rest)
                }
            };
            let Some((data, behind)) = rest.split_at_checked(length) else {
                self.rest = &[];
                return None;
            };
            self.rest = behind;
            return Some(Element { id, data });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(profile: u16, data: &[u8]) -> Vec<(u8, Vec<u8>)> {
        elements(profile, data).map(|element| (element.id, element.data.to_vec())).collect()
    }

    #[test]
    fn both_forms_are_read_and_padding_is_skipped() {
        let one = [0x10, 0xaa, 0, 0, 0x22, 1, 2, 3, 0];
        assert_eq!(read(ONE_BYTE, &one), [(1, vec![0xaa]), (2, vec![1, 2, 3])]);
        let two = [0, 1, 0, 9, 2, 7, 8, 0];
        assert_eq!(read(TWO_BYTE | 5, &two), [(1, vec![]), (9, vec![7, 8])]);
        assert_eq!(read(0x1234, &one), []);
        assert_eq!(read(ONE_BYTE, &[0x10, 1, 0xf0, 9, 9]), [(1, vec![1])], "15 ends it");
        assert_eq!(read(ONE_BYTE, &[0x17, 1, 2]), [], "longer than there is");
        assert_eq!(read(TWO_BYTE, &[3]), []);
    }
}
