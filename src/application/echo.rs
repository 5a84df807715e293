//! The Echo Protocol (RFC 862).

use super::{Answer, Batch, Datagrams, Io, check_loop};
use crate::base::address::Flow;

/// Sends back what it gets.
#[derive(Clone, Copy, Debug, Default)]
pub struct Echo;

impl Datagrams for Echo {
    fn on_datagrams(&mut self, flow: &Flow, _batch: Batch<'_>, _io: &mut Io<'_>) -> Answer {
        check_loop(flow).map_or_else(Answer::Drop, |()| Answer::InPlace)
    }
}
