//! The Discard Protocol (RFC 863).

use super::{Answer, Batch, Data, Datagrams, Io, Service, Session, Stream, Used};
use crate::base::address::Flow;

/// Throws away what it gets.
#[derive(Clone, Copy, Debug, Default)]
pub struct Discard;

impl Datagrams for Discard {
    fn on_datagrams(&mut self, _flow: &Flow, _batch: Batch<'_>, _io: &mut Io<'_>) -> Answer {
        Answer::Done
    }
}

impl Service for Discard {
    fn open(&mut self, _flow: &Flow) -> Option<Box<dyn Session>> {
        Some(Box::new(Discard))
    }
}

impl Session for Discard {
    fn on_data(&mut self, data: Data<'_>, _stream: &mut Stream<'_>) -> Used {
        Used::Bytes(data.len())
    }
}
