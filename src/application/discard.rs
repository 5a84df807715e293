//! The Discard Protocol (RFC 863).

use super::{Answer, Batch, Datagrams, Io};
use crate::base::address::Flow;

/// Throws away what it gets.
#[derive(Clone, Copy, Debug, Default)]
pub struct Discard;

impl Datagrams for Discard {
    fn on_datagrams(&mut self, _flow: &Flow, _batch: Batch<'_>, _io: &mut Io<'_>) -> Answer {
        Answer::Done
    }
}
