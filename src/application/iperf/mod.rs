//! The server of iperf3's protocol, 3.12 and newer.
//!
//! One connection controls a test; the data flow on others, or in datagrams, at the same port:
//!
//! ```text
//! client                                    server
//!   cookie ──────────────────────────────────▶         names the test
//!          ◀────────────────── ParamExchange
//!   JSON ────────────────────────────────────▶         what it wants
//!          ◀────────────────── CreateStreams
//!   cookie on each stream, or a datagram ────▶
//!          ◀───────── TestStart, TestRunning
//!   data ◀───────────────────────────────────▶
//!   TestEnd ─────────────────────────────────▶
//!          ◀──────────────── ExchangeResults
//!   JSON ◀───────────────────────────────────▶ JSON    what each counted
//!          ◀───────────────── DisplayResults
//!   IperfDone ───────────────────────────────▶
//! ```
//!
//! The protocol has no RFC: this was learnt from what clients send. There is one test at a time; others are denied. All
//! flows of the port belong to one shard ([`Stack::pin`](crate::stack::Stack::pin)), so the lock around the test is never
//! waited for.

mod control;
mod data;
mod datagrams;
mod protocol;
mod test;

use std::sync::{Arc, Mutex, PoisonError};

use self::control::Control;
use self::test::Test;
use super::{Service, Session};
use crate::base::address::Flow;

/// The port of iperf3.
pub const PORT: u16 = 5201;

/// The server: a [`Service`] and a service of [`Datagrams`](super::Datagrams) that know of the same test.
#[derive(Clone, Default)]
pub struct Iperf {
    current: Arc<Mutex<Option<Test>>>,
}

impl Iperf {
    /// Looks at the test that is going on, if there is one.
    fn with<R>(&self, work: impl FnOnce(&mut Option<Test>) -> R) -> R {
        work(&mut self.current.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Service for Iperf {
    fn open(&mut self, _flow: &Flow) -> Option<Box<dyn Session>> {
        Some(Box::new(Control::new(self.clone())))
    }
}
