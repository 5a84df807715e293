//! The transport layer: endpoints and their state.

pub mod tcp;
pub mod udp;
