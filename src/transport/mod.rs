//! The transport layer: endpoints and their state.

pub mod endpoints;
pub mod tcp;
pub mod udp;
