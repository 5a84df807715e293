//! A port at which connections wait to be accepted.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use super::Socket;
use super::session::{Pulled, Told, lock};
use crate::application::{Service, Session};
use crate::base::address::Flow;
use crate::device::Device;
use crate::stack::Stack;
use crate::transport::endpoints::InUse;
use crate::transport::tcp::Tuning;

/// Connections that were opened and not accepted yet.
type Waiting = Arc<Mutex<VecDeque<(Flow, Arc<Mutex<Told>>)>>>;

/// Takes connections at a port of every address.
pub struct Listener {
    port: u16,
    waiting: Waiting,
}

/// Lets connections wait, `backlog` of them at most; one more is refused.
struct Queue {
    backlog: usize,
    waiting: Waiting,
}

impl Service for Queue {
    fn open(&mut self, flow: &Flow) -> Option<Box<dyn Session>> {
        let mut waiting = lock(&self.waiting);
        if waiting.len() >= self.backlog {
            return None;
        }
        let told = Arc::<Mutex<Told>>::default();
        waiting.push_back((*flow, told.clone()));
        Some(Box::new(Pulled::new(told)))
    }
}

impl Listener {
    /// Takes connections from now on, tuned like this; `backlog` of them may wait to be accepted.
    ///
    /// # Errors
    /// [`InUse`] when somebody has the port.
    pub fn bind<D: Device>(stack: &mut Stack<D>, port: u16, backlog: usize, tuning: Tuning) -> Result<Listener, InUse> {
        let waiting = Waiting::default();
        stack.listen_tuned(port, Box::new(Queue { backlog: backlog.max(1), waiting: waiting.clone() }), tuning)?;
        Ok(Listener { port, waiting })
    }

    /// The next connection that waits, and between whom it is.
    pub fn accept(&self) -> Option<(Socket, Flow)> {
        let (flow, told) = lock(&self.waiting).pop_front()?;
        Some((Socket { told }, flow))
    }

    /// Whether a connection waits.
    pub fn is_ready(&self) -> bool {
        !lock(&self.waiting).is_empty()
    }

    /// Tunes the connections that are opened from now on.
    pub fn tune<D: Device>(&self, stack: &mut Stack<D>, change: impl FnOnce(&mut Tuning)) {
        stack.tune_port(self.port, change);
    }

    /// Takes no more connections; those that wait are reset.
    pub fn close<D: Device>(self, stack: &mut Stack<D>) {
        stack.unlisten(self.port);
        while let Some((socket, _)) = self.accept() {
            socket.abort(stack);
        }
    }
}
