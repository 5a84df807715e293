//! Virtual LANs (IEEE 802.1Q): the tag of a frame, taken off as it comes and put on as it leaves. Everything between sees
//! frames without tags.
//!
//! ```text
//!  ├─ destination 6 ┼─ source 6 ┼─ 0x8100 2 ┼─ priority 4 bits, VLAN 12 bits ┼─ EtherType 2 ┤
//! ```
//!
//! The MTU is that of the packet, as on every VLAN interface: a tagged frame is four bytes longer. We send with priority 0.

use std::fmt;

use crate::base::counters::Dropped;
use crate::buffer::{Checksum, Draft, Frame, Offload};

/// Bytes of a tag.
pub const LENGTH: usize = 4;
/// Where it lies in the frame: behind both Ethernet addresses.
const PLACE: usize = 12;
/// The EtherType of a tag.
const TYPE: [u8; 2] = [0x81, 0x00];

/// A virtual LAN, 1 to 4094.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vlan(u16);

impl Vlan {
    /// The VLAN with this number. `None` when there is none: 0 means no VLAN, and 4095 is reserved.
    pub fn new(id: u16) -> Option<Vlan> {
        (1..=4094).contains(&id).then_some(Vlan(id))
    }
}

impl fmt::Display for Vlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Takes the tag of our VLAN off a frame.
///
/// # Errors
/// It has another tag, or none, or one that only tells its priority.
pub fn input(frame: &mut Frame, own: Vlan) -> Result<(), Dropped> {
    match tag(frame.bytes()) {
        Some(Vlan(0)) | None => Err(Dropped::Untagged),
        Some(other) if other != own => Err(Dropped::OtherVlan),
        Some(_) => take_off(frame),
    }
}

/// Takes a tag off that only tells the priority of a frame, which is in no VLAN. False when there is none.
pub fn strip_priority(frame: &mut Frame) -> bool {
    // One tag only: a second one in it is that of a VLAN of its own.
    let nested = frame.bytes().get(PLACE + LENGTH..PLACE + LENGTH + 2) == Some(&TYPE);
    tag(frame.bytes()) == Some(Vlan(0)) && !nested && take_off(frame).is_ok()
}

/// Whether a frame has a tag.
pub fn is_tagged(bytes: &[u8]) -> bool {
    bytes.get(PLACE..PLACE + 2) == Some(&TYPE)
}

/// Puts the tag of a VLAN on what is to be sent.
pub fn output(draft: &mut Draft<'_>, own: Vlan) {
    *draft.prepend() = [0_u8; LENGTH];
    put_on(draft.bytes_mut(), own);
}

/// What a frame leaves to the device when its tag is on.
pub fn behind_tag(offload: Offload) -> Offload {
    let checksum = match offload.checksum {
        Checksum::Partial { start, offset } => Checksum::Partial { start: start + LENGTH as u16, offset },
        other => other,
    };
    Offload { checksum, ..offload }
}

/// Puts the tag back on a frame of which [`input`] took it off.
pub fn restore(frame: &mut Frame, own: Vlan) {
    frame.prepend(&[0; LENGTH]);
    put_on(frame.bytes_mut(), own);
    frame.offload = behind_tag(frame.offload);
}

fn tag(bytes: &[u8]) -> Option<Vlan> {
    let [a, b] = *bytes.get(PLACE + 2..PLACE + LENGTH)?.first_chunk()?;
    is_tagged(bytes).then(|| Vlan(u16::from_be_bytes([a, b]) & 0x0fff))
}

fn take_off(frame: &mut Frame) -> Result<(), Dropped> {
    if let Checksum::Partial { start, .. } = &mut frame.offload.checksum {
        *start = start.checked_sub(LENGTH as u16).ok_or(Dropped::OffloadLie)?;
    }
    frame.bytes_mut().copy_within(..PLACE, LENGTH);
    frame.strip(LENGTH);
    Ok(())
}

fn put_on(bytes: &mut [u8], Vlan(id): Vlan) {
    bytes.copy_within(LENGTH..LENGTH + PLACE, 0);
    bytes[PLACE..PLACE + 2].copy_from_slice(&TYPE);
    bytes[PLACE + 2..PLACE + LENGTH].copy_from_slice(&id.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_tag_that_is_put_on_comes_off(
            bytes in prop::collection::vec(any::<u8>(), 14..100),
            id in 1u16..=4094,
            start in 0u16..60_000,
        ) {
            let own = Vlan::new(id).unwrap();
            let offload = Offload { checksum: Checksum::Partial { start, offset: 6 }, segments: None };
            let mut frame = Frame::from_bytes(&bytes, offload);
            restore(&mut frame, own);
            prop_assert_eq!(tag(frame.bytes()), Some(own));
            prop_assert_eq!(input(&mut frame, own), Ok(()));
            prop_assert_eq!((frame.bytes(), frame.offload), (&bytes[..], offload));
        }

        #[test]
        fn no_frame_breaks_it(bytes in prop::collection::vec(any::<u8>(), 0..30), own in 1u16..=4094, tagged: bool) {
            let mut bytes = bytes;
            if let Some(place) = bytes.get_mut(PLACE..PLACE + 2).filter(|_| tagged) {
                place.copy_from_slice(&TYPE);
            }
            let mut frame = Frame::from_bytes(&bytes, Offload::default());
            let _ = input(&mut frame, Vlan(own));
            let _ = strip_priority(&mut frame);
        }
    }

    #[test]
    fn there_are_4094() {
        assert_eq!((0..=u16::MAX).filter(|id| Vlan::new(*id).is_some()).count(), 4094);
    }
}
