//! TCP's options (RFC 9293 §3.2, RFC 7323, RFC 2018, RFC 5482).

use std::num::NonZeroU16;
use std::time::Duration;

use arrayvec::ArrayVec;

use crate::base::counters::Dropped;

/// Bytes that the options of a segment may take.
pub const ROOM: usize = 40;
/// What timestamps take of every segment, padded.
pub const TIMESTAMPS_LENGTH: usize = 12;
/// What the user timeout takes of a segment.
pub const USER_TIMEOUT_LENGTH: usize = 4;
/// Ranges that one segment can acknowledge selectively when it carries no timestamps.
pub const SACK_RANGES: usize = 4;

mod kind {
    pub(super) const END: u8 = 0;
    pub(super) const NO_OPERATION: u8 = 1;
    pub(super) const MAXIMUM_SEGMENT_SIZE: u8 = 2;
    pub(super) const WINDOW_SCALE: u8 = 3;
    pub(super) const SACK_PERMITTED: u8 = 4;
    pub(super) const SACK: u8 = 5;
    pub(super) const TIMESTAMPS: u8 = 8;
    pub(super) const USER_TIMEOUT: u8 = 28;
}

/// Two no-operations and the head of the timestamps.
const TIMESTAMPS_HEAD: [u8; 4] = [kind::NO_OPERATION, kind::NO_OPERATION, kind::TIMESTAMPS, 10];

/// How long the sender of a segment waits for what it sent to be acknowledged (RFC 5482 §3.3). Never zero.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |   Kind = 28   |   Length = 4  |G|        User Timeout         |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserTimeout(NonZeroU16);

impl UserTimeout {
    /// G: it counts minutes, not seconds.
    const MINUTES: u16 = 1 << 15;

    /// What a field says; zero says nothing.
    fn read(field: u16) -> Option<UserTimeout> {
        if field & !UserTimeout::MINUTES == 0 { None } else { NonZeroU16::new(field).map(UserTimeout) }
    }

    /// The next one that can be said: in seconds up to nine hours, then in minutes up to 22 days.
    pub fn new(span: Duration) -> UserTimeout {
        let most = u64::from(UserTimeout::MINUTES - 1);
        let seconds = span.as_secs().max(1);
        let field =
            if seconds <= most { seconds as u16 } else { UserTimeout::MINUTES | seconds.div_ceil(60).min(most) as u16 };
        UserTimeout(NonZeroU16::new(field).unwrap_or(NonZeroU16::MIN))
    }

    /// How long that is.
    pub fn span(self) -> Duration {
        let count = u64::from(self.0.get() & !UserTimeout::MINUTES);
        let is_minutes = self.0.get() & UserTimeout::MINUTES != 0;
        Duration::from_secs(if is_minutes { 60 * count } else { count })
    }
}

/// A timestamp and the echo of one (RFC 7323 §3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamps {
    /// The sender's clock.
    pub value: u32,
    /// The clock of who receives it, as the sender heard it last.
    pub echo: u32,
}

impl Timestamps {
    /// Those with which the options of nearly every segment begin (RFC 7323, appendix A), if they do.
    #[inline]
    pub fn first_of(options: &[u8]) -> Option<Timestamps> {
        let (head, clocks) = options.split_first_chunk::<4>()?;
        if *head == TIMESTAMPS_HEAD { clocks.first_chunk().copied().map(timestamps) } else { None }
    }
}

/// What the options of one segment say. Those that are not known are skipped (RFC 9293 §3.1, MUST-6).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The largest segment that the sender takes (RFC 9293 §3.7.1).
    pub maximum_segment_size: Option<u16>,
    /// By how many bits its window is shifted (RFC 7323 §2.2).
    pub window_scale: Option<u8>,
    /// Whether it understands selective acknowledgments (RFC 2018 §2).
    pub sack_permitted: bool,
    /// RFC 7323 §3.
    pub timestamps: Option<Timestamps>,
    /// RFC 5482 §3.3.
    pub user_timeout: Option<UserTimeout>,
    /// Left and right edges of what it holds, the newest first (RFC 2018 §3).
    pub sack: ArrayVec<(u32, u32), SACK_RANGES>,
}

impl Options {
    /// Reads the options of a segment.
    ///
    /// # Errors
    /// [`Dropped::BadTcp`] when a length is less than two, differs from what its kind has, or leads beyond the header
    /// (RFC 9293 §3.1, MUST-7).
    pub fn parse(bytes: &[u8]) -> Result<Options, Dropped> {
        let mut options = Options::default();
        options.take_in(bytes)?;
        Ok(options)
    }

    /// The same where the options are to stand: moving them costs more than reading them.
    ///
    /// # Errors
    /// As [`Options::parse`].
    #[inline]
    pub fn take_in(&mut self, bytes: &[u8]) -> Result<(), Dropped> {
        match Timestamps::first_of(bytes) {
            Some(timestamps) if bytes.len() == TIMESTAMPS_LENGTH => self.timestamps = Some(timestamps),
            _ if bytes.is_empty() => {}
            _ => self.read_all(bytes)?,
        }
        Ok(())
    }

    fn read_all(&mut self, mut bytes: &[u8]) -> Result<(), Dropped> {
        loop {
            match bytes {
                [] | [kind::END, ..] => return Ok(()),
                [kind::NO_OPERATION, rest @ ..] => bytes = rest,
                [kind, length, ..] => {
                    let (option, rest) = bytes.split_at_checked(usize::from(*length)).ok_or(Dropped::BadTcp)?;
                    let content = option.get(2..).ok_or(Dropped::BadTcp)?;
                    self.read(*kind, content).ok_or(Dropped::BadTcp)?;
                    bytes = rest;
                }
                [_] => return Err(Dropped::BadTcp),
            }
        }
    }

    fn read(&mut self, kind: u8, content: &[u8]) -> Option<()> {
        match kind {
            kind::MAXIMUM_SEGMENT_SIZE => {
                self.maximum_segment_size = Some(u16::from_be_bytes(content.try_into().ok()?));
            }
            kind::WINDOW_SCALE => self.window_scale = Some(u8::from_be_bytes(content.try_into().ok()?)),
            kind::SACK_PERMITTED if content.is_empty() => self.sack_permitted = true,
            kind::TIMESTAMPS => self.timestamps = Some(timestamps(content.try_into().ok()?)),
            kind::USER_TIMEOUT => {
                self.user_timeout = UserTimeout::read(u16::from_be_bytes(content.try_into().ok()?));
            }
            kind::SACK => {
                let (ranges, []) = content.as_chunks::<8>() else { return None };
                for [a, b, c, d, e, f, g, h] in ranges {
                    let range = (u32::from_be_bytes([*a, *b, *c, *d]), u32::from_be_bytes([*e, *f, *g, *h]));
                    // More than fit only into a header with the option twice.
                    let _full = self.sack.try_push(range);
                }
            }
            kind::SACK_PERMITTED => return None,
            _ => {}
        }
        Some(())
    }

    /// Writes them as they stand in a header, padded to whole words; the ranges that do not fit are left out, the last
    /// ones first.
    #[inline]
    pub fn write(&self) -> ArrayVec<u8, ROOM> {
        let mut room = ArrayVec::new();
        let Options { maximum_segment_size, window_scale, sack_permitted, timestamps, user_timeout, sack } = self;
        let mut put = |bytes: &[u8]| {
            // The sizes of all that is written add up to the room.
            let _fits = room.try_extend_from_slice(bytes);
        };
        if let Some(size) = maximum_segment_size {
            let [a, b] = size.to_be_bytes();
            put(&[kind::MAXIMUM_SEGMENT_SIZE, 4, a, b]);
        }
        // Two bytes of one fill the word of the other.
        match (*sack_permitted, timestamps.is_some()) {
            (true, true) => put(&[kind::SACK_PERMITTED, 2, kind::TIMESTAMPS, 10]),
            (true, false) => put(&[kind::NO_OPERATION, kind::NO_OPERATION, kind::SACK_PERMITTED, 2]),
            (false, true) => put(&TIMESTAMPS_HEAD),
            (false, false) => {}
        }
        if let Some(Timestamps { value, echo }) = timestamps {
            put(&value.to_be_bytes());
            put(&echo.to_be_bytes());
        }
        if let Some(scale) = window_scale {
            put(&[kind::NO_OPERATION, kind::WINDOW_SCALE, 3, *scale]);
        }
        if let Some(UserTimeout(field)) = user_timeout {
            let [a, b] = field.get().to_be_bytes();
            put(&[kind::USER_TIMEOUT, USER_TIMEOUT_LENGTH as u8, a, b]);
        }
        let ranges = sack.len().min((ROOM - self.length_without_ranges()).saturating_sub(4) / 8);
        if ranges > 0 {
            put(&[kind::NO_OPERATION, kind::NO_OPERATION, kind::SACK, 2 + 8 * ranges as u8]);
            for (left, right) in &sack[..ranges] {
                put(&left.to_be_bytes());
                put(&right.to_be_bytes());
            }
        }
        room
    }

    fn length_without_ranges(&self) -> usize {
        4 * usize::from(self.maximum_segment_size.is_some())
            + 4 * usize::from(self.window_scale.is_some())
            + 4 * usize::from(self.sack_permitted && self.timestamps.is_none())
            + TIMESTAMPS_LENGTH * usize::from(self.timestamps.is_some())
            + USER_TIMEOUT_LENGTH * usize::from(self.user_timeout.is_some())
    }
}

fn timestamps(clocks: [u8; 8]) -> Timestamps {
    let [a, b, c, d, e, f, g, h] = clocks;
    Timestamps { value: u32::from_be_bytes([a, b, c, d]), echo: u32::from_be_bytes([e, f, g, h]) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_linux_sends_with_a_syn() {
        // MSS 1460, SACK permitted, timestamps, no-operation, window scale 7.
        let bytes = [2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0, 1, 3, 3, 7];
        let options = Options::parse(&bytes).unwrap();
        assert_eq!(options.maximum_segment_size, Some(1460));
        assert_eq!((options.window_scale, options.sack_permitted), (Some(7), true));
        assert_eq!(options.timestamps, Some(Timestamps { value: 9, echo: 0 }));
    }

    #[test]
    fn lengths_are_not_believed() {
        for bad in [
            &[2u8, 0][..],
            &[2, 1],
            &[8, 10, 0],
            &[5, 9, 0, 0, 0, 0, 0, 0, 0],
            &[2, 3, 1],
            &[4, 3, 0],
            &[28, 3, 1],
            &[99],
        ] {
            assert_eq!(Options::parse(bad), Err(Dropped::BadTcp), "{bad:?}");
        }
        for good in [&[][..], &[0, 2, 0], &[1, 1, 1, 0], &[253, 4, 1, 2], &[254, 2], &[28, 4, 0, 0], &[28, 4, 0x80, 0]]
        {
            assert_eq!(Options::parse(good), Ok(Options::default()), "{good:?}");
        }
    }

    #[test]
    fn user_timeouts_are_rounded_up_to_what_can_be_said() {
        let said = |seconds| UserTimeout::new(Duration::from_secs(seconds)).span().as_secs();
        for (meant, heard) in [(0, 1), (1, 1), (100, 100), (32_767, 32_767), (32_768, 32_820), (u64::MAX, 60 * 32_767)]
        {
            assert_eq!(said(meant), heard);
        }
        assert_eq!(Options::parse(&[28, 4, 0x80, 5]).unwrap().user_timeout.unwrap().span(), Duration::from_secs(300));
        assert_eq!(Options::parse(&[28, 4, 0, 5]).unwrap().user_timeout.unwrap().span(), Duration::from_secs(5));
    }

    fn any_options() -> impl Strategy<Value = Options> {
        let clocks = (any::<u32>(), any::<u32>()).prop_map(|(value, echo)| Timestamps { value, echo });
        let sack = prop::collection::vec(any::<(u32, u32)>(), 0..=2);
        let timeout = any::<u16>().prop_map(UserTimeout::read);
        (any::<Option<u16>>(), any::<Option<u8>>(), any::<bool>(), prop::option::of(clocks), timeout, sack).prop_map(
            |(maximum_segment_size, window_scale, sack_permitted, timestamps, user_timeout, sack)| {
                let one = maximum_segment_size.is_some() || user_timeout.is_some();
                let sack = sack.into_iter().take(if one { 1 } else { 2 }).collect();
                Options { maximum_segment_size, window_scale, sack_permitted, timestamps, user_timeout, sack }
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(options in any_options()) {
            let bytes = options.write();
            prop_assert_eq!(bytes.len() % 4, 0);
            prop_assert_eq!(Options::parse(&bytes), Ok(options));
        }

        #[test]
        fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..=ROOM)) {
            let _ = Options::parse(&bytes);
        }
    }
}
