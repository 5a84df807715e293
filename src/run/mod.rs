//! The hot loop, its threads, and the signals that end it.
//!
//! A shard is one [`Stack`](crate::stack::Stack) with its queue of the device, on one thread. [`Shard::run`] is that
//! thread's whole life; a [`Handle`] reaches it from others.

mod clock;
mod record;
mod shard;
mod signals;
pub mod trace;
mod trouble;

pub use clock::Clock;
pub use record::{Recorded, Recorder};
pub use shard::{Handle, Shard};
pub use signals::Signals;
pub use trouble::{Doing, News};
