//! Who owns bytes.
//!
//! A frame has one owner and is moved by value. What must outlive its turn goes through [`Pool::keep`],
//! which charges it by the memory that it pins.

mod draft;
mod frame;
mod offload;
mod pool;
mod receive_queue;
mod send_queue;

pub use draft::{DEVICE_ROOM, Draft};
pub use frame::{CAPACITY, Frame, HEADROOM};
pub use offload::{Checksum, Offload, SegmentKind, Segments};
pub use pool::{Block, Pool, PoolFull, Pressure, Purpose};
pub use receive_queue::ReceiveQueue;
pub use send_queue::{Pieces, SendQueue};
