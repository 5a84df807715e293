//! taphouse (being built)
pub mod base;
pub mod buffer;
pub mod device;
pub mod wire;
pub mod link;
pub mod internet;
