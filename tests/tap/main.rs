//! The TAP against a real kernel. All of it happens in network namespaces that the tests make and delete.

mod frames;
mod groups;
mod host;
#[path = "../lab/mod.rs"]
mod lab;
mod opening;
mod wire;
