//! IPv4 options (RFC 791 §3.1): whether they can be, and what an echo reply makes of those of its request.
//!
//! Source routes are refused whether they are used up or not (RFC 7126 §4.3, §4.4). A router alert (RFC 2113) asks nothing of who a
//! packet is for. Record route and timestamp come back in an echo reply with us in them (RFC 1122 §3.2.2.6); our clock does not
//! know midnight, so that its times have the high bit set.

const END: u8 = 0;
const NO_OPERATION: u8 = 1;
const RECORD_ROUTE: u8 = 7;
const TIMESTAMP: u8 = 68;
const LOOSE_SOURCE_ROUTE: u8 = 131;
const STRICT_SOURCE_ROUTE: u8 = 137;
const ROUTER_ALERT: u8 = 148;

/// Why a packet with such options goes no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// One routes by the source's will.
    SourceRoute,
    /// This byte, counted from the first option, cannot be.
    At(usize),
}

/// Refuses what cannot be, or is not wanted.
pub fn check(options: &[u8]) -> Result<(), Refused> {
    let (mut recorded, mut timed) = (false, false);
    let mut position = 0;
    while let Some(kind) = options.get(position) {
        let length = match *kind {
            END => break,
            NO_OPERATION => 1,
            LOOSE_SOURCE_ROUTE | STRICT_SOURCE_ROUTE => return Err(Refused::SourceRoute),
            _ => options.get(position + 1).map_or(0, |length| usize::from(*length)),
        };
        let option = options.get(position..position + length).unwrap_or_default();
        let wrong = match *kind {
            NO_OPERATION => None,
            // A length that cannot be leaves none of the option.
            _ if option.len() < 2 => Some(0),
            RECORD_ROUTE if std::mem::replace(&mut recorded, true) => Some(0),
            TIMESTAMP if std::mem::replace(&mut timed, true) => Some(0),
            RECORD_ROUTE => check_route(option),
            TIMESTAMP => check_timestamp(option),
            _ => None,
        };
        if let Some(wrong) = wrong {
            return Err(Refused::At(position + wrong));
        }
        position += length;
    }
    Ok(())
}

/// Whether a router alert (RFC 2113) is among options that [`check`] let pass.
pub fn has_router_alert(mut options: &[u8]) -> bool {
    while let [kind, rest @ ..] = options {
        let length = match *kind {
            END => return false,
            ROUTER_ALERT => return true,
            NO_OPERATION => 1,
            _ => rest.first().map_or(1, |length| usize::from(*length).max(1)),
        };
        options = options.get(length..).unwrap_or_default();
    }
    false
}

/// Where a record route is wrong: the room that is left is that of whole addresses.
fn check_route(option: &[u8]) -> Option<usize> {
    let [_, length, pointer, ..] = *option else { return Some(1) };
    let partly_full = pointer <= length && usize::from(pointer) + 3 > usize::from(length);
    (pointer < 4 || partly_full).then_some(2)
}

/// The same of a timestamp, whose count of hosts that found no room must not overflow.
fn check_timestamp(option: &[u8]) -> Option<usize> {
    let [_, length, pointer, overflow, ..] = *option else { return Some(1) };
    let entry = match overflow & 0x0f {
        TIMES => 4,
        ADDRESSES_AND_TIMES | GIVEN_ADDRESSES => 8,
        _ => return Some(3),
    };
    let partly_full = pointer <= length && usize::from(pointer) + entry - 1 > usize::from(length);
    match (pointer < 5 || partly_full, pointer > length && overflow >> 4 == 15) {
        (true, _) => Some(2),
        (_, true) => Some(3),
        _ => None,
    }
}

const TIMES: u8 = 0;
const ADDRESSES_AND_TIMES: u8 = 1;
const GIVEN_ADDRESSES: u8 = 3;

/// Makes the options of a request, of which [`check`] thought well, those of its reply: what records gets our address and the
/// time, all else is blanked. False when nothing records.
pub fn answer(options: &mut [u8], own: [u8; 4], time: u32) -> bool {
    let mut records = false;
    let mut position = 0;
    while let Some(kind) = options.get(position).copied().filter(|kind| *kind != END) {
        let length = match kind {
            NO_OPERATION => 1,
            _ => options.get(position + 1).map_or(0, |length| usize::from(*length)),
        };
        let Some(option) = options.get_mut(position..position + length).filter(|option| !option.is_empty()) else {
            break;
        };
        match kind {
            RECORD_ROUTE => record(option, own),
            TIMESTAMP => stamp(option, own, time),
            _ => option.fill(NO_OPERATION),
        }
        records |= matches!(kind, RECORD_ROUTE | TIMESTAMP);
        position += length;
    }
    records
}

fn record(option: &mut [u8], own: [u8; 4]) {
    let Some(place) = option.get(2).map(|pointer| usize::from(*pointer).saturating_sub(1)) else { return };
    if let Some(address) = option.get_mut(place..place + 4) {
        address.copy_from_slice(&own);
        option[2] += 4;
    }
}

fn stamp(option: &mut [u8], own: [u8; 4], time: u32) {
    let [_, _, pointer, overflow, ..] = *option else { return };
    let place = usize::from(pointer).saturating_sub(1);
    let (addressed, entry) = if overflow & 0x0f == TIMES { (0, 4) } else { (4, 8) };
    let Some(room) = option.get_mut(place..place + entry) else {
        option[3] = overflow.saturating_add(0x10);
        return;
    };
    let (address, when) = room.split_at_mut(addressed);
    if overflow & 0x0f == GIVEN_ADDRESSES && *address != own {
        return;
    }
    address.copy_from_slice(&own[..addressed]);
    when.copy_from_slice(&time.to_be_bytes());
    option[2] += entry as u8;
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: [u8; 4] = [10, 77, 0, 2];
    const TIME: u32 = 0x8000_0102;

    #[test]
    fn options_that_cannot_be_are_pointed_at() {
        let at = |options: &[u8]| match check(options) {
            Ok(()) => None,
            Err(Refused::At(position)) => Some(position),
            Err(Refused::SourceRoute) => Some(usize::MAX),
        };
        assert_eq!(at(&[1, 1, 148, 4, 0, 0, 0, 0]), None, "router alert");
        assert_eq!(at(&[1, 7, 0, 0]), Some(1), "length zero");
        assert_eq!(at(&[7, 1, 0, 0]), Some(0), "length one");
        assert_eq!(at(&[1, 7, 9, 4]), Some(1), "over the end");
        assert_eq!(at(&[1, 1, 1, 7]), Some(3), "no length");
        assert_eq!(at(&[0, 7, 0, 0]), None, "what follows the end is padding");
        assert_eq!(at(&[131, 3, 4, 0]), Some(usize::MAX));
        assert_eq!(at(&[1, 7, 2, 0]), Some(2), "no pointer");
        assert_eq!(at(&[7, 7, 3, 0, 0, 0, 0, 0]), Some(2), "it points into its own head");
        assert_eq!(at(&[7, 7, 5, 0, 0, 0, 0, 0]), Some(2), "room for a part of an address");
        assert_eq!(at(&[7, 3, 4, 7, 3, 4, 0, 0]), Some(3), "twice");
        assert_eq!(at(&[68, 8, 5, 0x02, 0, 0, 0, 0]), Some(3), "a kind that there is not");
        assert_eq!(at(&[68, 8, 5, 1, 0, 0, 0, 0]), Some(2), "room for a part");
        assert_eq!(at(&[68, 4, 5, 0xf0]), Some(3), "the count overflows");
        assert_eq!(at(&[68, 4, 5, 0xe0]), None);
    }

    #[test]
    fn what_records_gets_us_and_all_else_is_blanked() {
        let answered = |before: &[u8]| {
            let mut options = before.to_vec();
            answer(&mut options, OWN, TIME).then_some(options)
        };
        assert_eq!(answered(&[148, 4, 0, 0, 1, 0x5e, 2, 0]), None);
        let route = [148, 4, 0, 0, 7, 11, 8, 1, 2, 3, 4, 0, 0, 0, 0, 0];
        assert_eq!(answered(&route).unwrap(), [1, 1, 1, 1, 7, 11, 12, 1, 2, 3, 4, 10, 77, 0, 2, 0]);
        let full = [7, 7, 8, 1, 2, 3, 4, 0];
        assert_eq!(answered(&full).unwrap(), full, "nothing is truncated");
        assert_eq!(answered(&[68, 8, 5, 0, 0, 0, 0, 0]).unwrap(), [68, 8, 9, 0, 0x80, 0, 1, 2]);
        let with_address = [68, 12, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(answered(&with_address).unwrap(), [68, 12, 13, 1, 10, 77, 0, 2, 0x80, 0, 1, 2]);
        let ours = [68, 12, 5, 3, 10, 77, 0, 2, 0, 0, 0, 0];
        assert_eq!(answered(&ours).unwrap(), [68, 12, 13, 3, 10, 77, 0, 2, 0x80, 0, 1, 2]);
        let theirs = [68, 12, 5, 3, 10, 77, 0, 9, 0, 0, 0, 0];
        assert_eq!(answered(&theirs).unwrap(), theirs);
        assert_eq!(answered(&[68, 4, 5, 0x10]).unwrap(), [68, 4, 5, 0x20], "one more found no room");
    }
}
