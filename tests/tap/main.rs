//! The TAP against a real kernel. All of it happens in network namespaces that the tests make and delete.
//!
//! It takes root, `/dev/net/tun` and the programs `ip` and `python3`; without them the tests say that they are
//! skipped.

mod frames;
mod host;
mod lab;
mod opening;
