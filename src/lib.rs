//! taphouse (being built)
pub mod application;
pub mod base;
pub mod buffer;
pub mod device;
pub mod internet;
pub mod link;
pub mod run;
pub mod stack;
pub mod transport;
pub mod wire;
