//! The signals that a program of this kind listens to.

use std::io;
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};

use super::shard::Handle;
use crate::base::counters::Counters;

/// How long a shard has to answer before its counters are left out.
const PATIENCE: Duration = Duration::from_secs(1);

/// SIGINT, SIGTERM and SIGUSR1, caught from here on.
pub struct Signals {
    caught: signal_hook::iterator::Signals,
}

impl Signals {
    /// Catches the signals, so that none that comes during the start is lost or ends the process half-way.
    pub fn catch() -> io::Result<Signals> {
        Ok(Signals { caught: signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGUSR1])? })
    }

    /// Answers them in a thread of its own: SIGUSR1 with a report of what all shards counted, the others by
    /// stopping every shard.
    pub fn answer(mut self, shards: Vec<Handle>, report: impl Fn(&Counters) + Send + 'static) -> io::Result<()> {
        let answer = move || {
            for signal in self.caught.forever() {
                if signal == SIGUSR1 {
                    let mut all = Counters::default();
                    let each = shards.iter().filter_map(|shard| shard.counters(PATIENCE));
                    each.for_each(|counters| all.add(&counters));
                    report(&all);
                } else {
                    shards.iter().for_each(Handle::stop);
                }
            }
        };
        thread::Builder::new().name("signals".to_owned()).spawn(answer).map(drop)
    }
}
