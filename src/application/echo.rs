//! The Echo Protocol (RFC 862).

use super::{Answer, Batch, Data, Datagrams, Io, Service, Session, Stream, Used, check_loop};
use crate::base::address::Flow;

/// Sends back what it gets.
#[derive(Clone, Copy, Debug, Default)]
pub struct Echo;

impl Datagrams for Echo {
    fn on_datagrams(&mut self, flow: &Flow, _batch: Batch<'_>, _io: &mut Io<'_>) -> Answer {
        check_loop(flow).map_or_else(Answer::Drop, |()| Answer::InPlace)
    }
}

impl Service for Echo {
    fn open(&mut self, _flow: &Flow) -> Option<Box<dyn Session>> {
        Some(Box::new(Echo))
    }
}

impl Session for Echo {
    /// What finds no room stays unread, and closes the window.
    fn on_data(&mut self, data: Data<'_>, stream: &mut Stream<'_>) -> Used {
        let length = data.len();
        let used = stream.write(data.bytes());
        if used < length {
            stream.pause();
        }
        Used::Bytes(used)
    }

    fn on_room(&mut self, stream: &mut Stream<'_>) {
        stream.resume();
    }
}
