//! What is fuzzed: the stories of `tests/mutants`, told by a fuzzer instead of by dice. The modules are the same files.

#[path = "../../tests/mutants/frames.rs"]
mod frames;
#[allow(dead_code, reason = "the tests tell one story more")]
#[path = "../../tests/mutants/hosts.rs"]
mod hosts;
#[path = "../../tests/mutants/parsers.rs"]
mod parsers;
#[path = "../../tests/mutants/script.rs"]
mod script;

use std::sync::OnceLock;

/// Ethernet, ARP and RARP.
pub fn link(bytes: &[u8]) {
    parsers::link(bytes);
}

/// IPv4, IPv6, extension headers, ICMP, neighbour discovery.
pub fn internet(bytes: &[u8]) {
    parsers::internet(bytes);
}

/// TCP, UDP, the checksum.
pub fn transport(bytes: &[u8]) {
    parsers::transport(bytes);
}

/// A whole host: frames, what the device says of them, time.
pub fn host(bytes: &[u8]) {
    hosts::alone(bytes, valid());
}

/// A host of several shards, which hand frames to each other.
pub fn shards(bytes: &[u8]) {
    hosts::sharded(bytes, valid());
}

/// A host whose journal is repeated to the bit.
pub fn journal(bytes: &[u8]) {
    hosts::repeated(bytes, valid());
}

/// The frames from which scripts make others, made once.
fn valid() -> &'static [Vec<u8>] {
    static VALID: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    VALID.get_or_init(frames::valid)
}
