//! A stack of our own for one connection: what `get`, `put` and `send` run on.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use crossbeam_channel::Receiver;
use taphouse::application::Session;
use taphouse::base::address::Endpoint;
use taphouse::base::time::Instant;
use taphouse::device::{Namespace, Port, Waker};
use taphouse::run::{Clock, Folders, Storage, confine};
use taphouse::stack::{ConnectError, Mailbox, Stack};

use super::settings::Settings;
use super::up;

/// How long an address is waited for.
const ADDRESS: Duration = Duration::from_secs(20);
/// How often it is looked whether there is an address.
const LOOK: Duration = Duration::from_millis(50);
/// How long a server may take to hear that we go.
const GOODBYE: Duration = Duration::from_secs(2);

/// A stack that is turned here, with what its turns take.
pub(super) struct Errand {
    stack: Stack<Port>,
    waker: Waker,
    clock: Clock,
    storage: Storage,
}

impl Errand {
    /// Attaches to the TAP, and confines the process to the files of one directory. No thread may run before.
    pub(super) fn open(settings: &Settings, folder: &Path) -> Result<Errand> {
        let settings = &Settings { queues: 1, services: Vec::new(), ..settings.clone() };
        let namespace = settings.namespace.as_deref().map_or(Namespace::Own, Namespace::named);
        let port = up::attach(settings, &namespace)?.into_iter().next().context("the TAP has no queue")?;
        let created = port.created();
        up::prepare_host(settings, &namespace, created)?;
        let folder = folder.to_owned();
        let folders =
            Folders::open(std::slice::from_ref(&folder)).map_err(|(path, why)| anyhow!("{}: {why}", path.display()))?;
        confine(&[folder]);
        let storage = Storage::start(folders).context("cannot start the threads that wait for the disk")?;
        let (mailbox, waker) =
            Mailbox::for_shards(1).context("cannot make a mailbox")?.pop().context("there is no mailbox")?;
        let mut stack = Stack::shard(port, &up::config(settings, up::start(settings, created))?, mailbox)?;
        stack.set_storage(storage.orders());
        Ok(Errand { stack, waker, clock: Clock::new(), storage })
    }

    /// Connects a session as soon as we have an address from which that goes.
    pub(super) fn connect(&mut self, remote: Endpoint, session: impl Fn(Instant) -> Box<dyn Session>) -> Result<()> {
        let end = self.clock.now() + ADDRESS;
        loop {
            let turned = self.turn()?;
            match self.stack.connect(remote, session(turned.now)) {
                Ok(_) => return Ok(()),
                Err(ConnectError::Unreachable(_)) if turned.now < end => {
                    self.wait(Turned { now: turned.now, arrived: false }, Some(turned.now + LOOK))?;
                }
                Err(why) => return Err(anyhow!("{why}: give --address and --gateway that reach it")),
            }
        }
    }

    /// Turns until something that a session told is the end.
    pub(super) fn until<T, R>(&mut self, told: &Receiver<T>, mut end: impl FnMut(T) -> Option<R>) -> Result<R> {
        loop {
            let turned = self.turn()?;
            match told.try_recv() {
                Ok(told) => {
                    if let Some(result) = end(told) {
                        return Ok(result);
                    }
                }
                Err(_) => self.wait(turned, None)?,
            }
        }
    }

    /// Lets the session say goodbye, and ends.
    pub(super) fn end(mut self) -> Result<()> {
        let end = self.clock.now() + GOODBYE;
        while self.stack.connections() > 0 && self.clock.now() < end {
            let turned = self.turn()?;
            self.wait(turned, Some(end))?;
        }
        let Errand { stack, storage, .. } = self;
        drop(stack);
        storage.end();
        Ok(())
    }

    fn turn(&mut self) -> Result<Turned> {
        let now = self.clock.now();
        let turn = self.stack.turn(now).context("the TAP is gone")?;
        while self.stack.take_notice().is_some() {}
        Ok(Turned { now, arrived: turn.arrived > 0 })
    }

    /// Waits until there is something to do, but not longer than until `end`; not at all while frames come.
    fn wait(&mut self, Turned { now, arrived }: Turned, end: Option<Instant>) -> Result<()> {
        if arrived {
            return Ok(());
        }
        let at_most = self.stack.deadline().into_iter().chain(end).min().map(|until| until - now);
        self.stack.wait(&self.waker, at_most).context("the TAP is gone")
    }
}

/// What came of a turn.
#[derive(Clone, Copy)]
struct Turned {
    now: Instant,
    arrived: bool,
}
