//! The limit: a loop that does nothing but read a frame, turn its addresses round and write it back.

use std::io;

use rustix::io::Errno;
use taphouse::device::{Device, Interest, Tap, Waker};

use crate::spin::Spin;

/// `virtio_net_hdr`: it goes back as it came. What it says of UDP's checksum stays true, for the sum does not care
/// which address is whose.
const DEVICE: usize = 10;
const ETHERNET: usize = DEVICE + 14;
const ICMP: u8 = 1;
const UDP: u8 = 17;

/// Answers until the device fails.
pub(crate) fn run(mut tap: Tap) -> io::Result<()> {
    let waker = Waker::new()?;
    let mut buffer = [0; 2048];
    let mut spin = Spin::new();
    loop {
        match rustix::io::read(&tap, &mut buffer) {
            Ok(length) => {
                spin.worked();
                if turn_round(&mut buffer[..length]).is_some() {
                    rustix::io::write(&tap, &buffer[..length])?;
                }
            }
            Err(Errno::AGAIN) if spin.goes_on() => {}
            Err(Errno::AGAIN) => tap.wait(Interest::Receive, &waker, None)?,
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// `None`: not an echo request, nor UDP, over IPv4.
fn turn_round(frame: &mut [u8]) -> Option<()> {
    let (ethernet, packet) = frame.get_mut(DEVICE..)?.split_at_mut_checked(ETHERNET - DEVICE)?;
    let transport = usize::from(packet.first()? & 0x0f) * 4;
    let (ip, transport) = packet.split_at_mut_checked(transport)?;
    match (&ethernet[12..], ip.get(9)?, transport) {
        ([8, 0], &ICMP, [kind @ 8, _, high, low, ..]) => {
            *kind = 0;
            // RFC 1624: the type's word fell by 0x0800, so the checksum grows by as much.
            let (sum, carry) = u16::from_be_bytes([*high, *low]).overflowing_add(0x0800);
            [*high, *low] = (sum + u16::from(carry)).to_be_bytes();
        }
        ([8, 0], &UDP, [a, b, c, d, ..]) => {
            std::mem::swap(a, c);
            std::mem::swap(b, d);
        }
        _ => return None,
    }
    swap(&mut ethernet[..12]);
    swap(&mut ip[12..20]);
    Some(())
}

fn swap(pair: &mut [u8]) {
    let (one, other) = pair.split_at_mut(pair.len() / 2);
    one.swap_with_slice(other);
}
