//! The hot loop, its threads, the signals that end it, and what the process gives up before it begins.
//!
//! A shard is one [`Stack`](crate::stack::Stack) with its queue of the device, on one thread. [`Shard::run`] is that
//! thread's whole life; a [`Handle`] reaches it from others.

mod apart;
mod aside;
mod clock;
mod confine;
mod crowded;
mod more;
mod record;
mod shard;
mod signals;
mod storage;
pub mod trace;
mod trouble;

pub use clock::Clock;
pub use confine::{Confinement, Held, confine};
pub use record::{Recorded, Recorder};
pub use shard::{Handle, Shard};
pub use signals::Signals;
pub use storage::{Folders, Storage};
pub use trouble::{Doing, News};
