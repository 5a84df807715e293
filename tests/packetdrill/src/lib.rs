//! The stack as packetdrill sees it: a shared object for its `--so_filename`.
//!
//! ```text
//! packetdrill ─▶ boundary ─▶ host ─▶ descriptors, epoll, options ─▶ taphouse::sockets
//!                  C │         │ time                                    │
//!                    └─packets─┴─▶ link ◀───────── frames ──────────────▶ stack
//! ```
//!
//! Time is virtual: it moves only when packetdrill waits, looks at the clock or expects a packet, so no script depends on
//! how fast the machine is.

mod boundary;
mod buffers;
mod clock;
mod descriptors;
mod epoll;
mod host;
mod info;
mod link;
mod options;
mod push;
mod settings;
mod wire;
