//! A TAP as smoltcp wants it: nothing is copied that smoltcp does not copy itself, and nothing allocated.

use smoltcp::phy::{self, ChecksumCapabilities, DeviceCapabilities, Medium};
use smoltcp::time::Instant;
use taphouse::buffer::{CAPACITY, DEVICE_ROOM, Frame, Offload};
use taphouse::device::{Device, Received};

const MTU: usize = 1514;

/// The TAP, and what is on its way through it.
pub(crate) struct Phy<D> {
    pub(crate) tap: D,
    /// Whether anything came since this was set to false.
    pub(crate) arrived: bool,
    received: Frame,
    /// Behind the room for `virtio_net_hdr`.
    sent: [u8; DEVICE_ROOM + MTU],
    checksum: ChecksumCapabilities,
}

impl<D> Phy<D> {
    /// With these checksums verified and computed by smoltcp.
    pub(crate) fn new(tap: D, checksum: ChecksumCapabilities) -> Phy<D> {
        Phy { tap, arrived: false, received: Frame::new(CAPACITY), sent: [0; _], checksum }
    }
}

impl<D: Device> phy::Device for Phy<D> {
    type RxToken<'a>
        = Rx<'a>
    where
        D: 'a;
    type TxToken<'a>
        = Tx<'a, D>
    where
        D: 'a;

    fn receive(&mut self, _now: Instant) -> Option<(Rx<'_>, Tx<'_, D>)> {
        let Phy { tap, received, sent, arrived, .. } = self;
        let Ok(Received::Frame) = tap.receive(received) else { return None };
        *arrived = true;
        Some((Rx(received.bytes()), Tx { tap, sent }))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Tx<'_, D>> {
        Some(Tx { tap: &mut self.tap, sent: &mut self.sent })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = MTU;
        capabilities.checksum = self.checksum.clone();
        capabilities
    }
}

pub(crate) struct Rx<'a>(&'a [u8]);

impl phy::RxToken for Rx<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(self.0)
    }
}

pub(crate) struct Tx<'a, D> {
    tap: &'a mut D,
    sent: &'a mut [u8; DEVICE_ROOM + MTU],
}

impl<D: Device> phy::TxToken for Tx<'_, D> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, write: F) -> R {
        let frame = &mut self.sent[..DEVICE_ROOM + length];
        let written = write(&mut frame[DEVICE_ROOM..]);
        // A frame that the device refuses is lost, as on any wire; the load would show it.
        let _ = self.tap.transmit(frame, Offload::default(), &[]);
        written
    }
}
