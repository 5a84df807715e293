//! What every floor stands on: time, timers, tables, addresses, hashing, randomness, counters, limits.
//!
//! Nothing here knows a protocol, and nothing here imports another floor.

pub mod address;
pub mod counters;
pub mod hash;
pub mod icmp;
pub mod limits;
pub mod random;
pub mod ring;
pub mod slab;
pub mod stream;
pub mod time;
pub mod wheel;
