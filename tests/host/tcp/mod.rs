//! TCP, one segment at a time: what a peer may send, and what it must not.

mod attacks;
mod closed;
mod congestion;
mod ending;
mod exhaustion;
mod flow;
mod icmp;
mod patience;
mod peer;
mod plan;
mod smoltcp;
mod states;
