//! What a shard says of a device that fails, and how long it waits before it tries again.
//!
//! A device that is gone ends the shard; any other error may pass, so the shard goes on. It never tries faster than
//! with doubled naps, and never says more than two lines in a while, however fast the device fails.

use std::io;
use std::time::Duration;

use crossbeam_channel::Sender;
use rustix::io::Errno;

use crate::base::limits;
use crate::base::time::Instant;

/// What the shard wanted of its device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// A frame.
    Receiving,
    /// To send a frame, which is dropped and counted.
    Sending,
    /// To sleep until there is a frame.
    Waiting,
}

/// What a shard has to say of its device.
#[derive(Debug)]
pub enum News {
    /// It fails, and is tried again.
    Failing(Doing, io::Error),
    /// It works again.
    Works,
}

/// The state of a device, as far as it is not well.
pub(super) struct Troubles {
    tell: Option<Sender<News>>,
    /// What failed last and did not work since.
    failing: Option<Doing>,
    /// When it was last told.
    told: Option<Instant>,
    /// Whether the reader believes that it fails.
    believed: bool,
    nap: Duration,
}

impl Troubles {
    pub(super) fn new() -> Troubles {
        Troubles { tell: None, failing: None, told: None, believed: false, nap: limits::DEVICE_RETRY.0 }
    }

    pub(super) fn tell(&mut self, tell: Sender<News>) {
        self.tell = Some(tell);
    }

    /// Something failed; how long to sleep if there is nothing to do but to try again.
    pub(super) fn failing(&mut self, doing: Doing, why: io::Error, now: Instant) -> Duration {
        self.failing = Some(doing);
        if self.told.is_none_or(|told| now - told >= limits::DEVICE_NEWS) {
            self.say(News::Failing(doing, why));
            (self.told, self.believed) = (Some(now), true);
        }
        let nap = self.nap;
        self.nap = (nap * 2).min(limits::DEVICE_RETRY.1);
        nap
    }

    /// Something works; that is news if it was it that failed.
    #[inline]
    pub(super) fn works(&mut self, doing: Doing) {
        if self.failing == Some(doing) {
            self.over();
        }
    }

    #[cold]
    fn over(&mut self) {
        self.failing = None;
        self.nap = limits::DEVICE_RETRY.0;
        if std::mem::take(&mut self.believed) {
            self.say(News::Works);
        }
    }

    /// Who does not read fast enough does not stop the loop.
    fn say(&self, news: News) {
        if let Some(tell) = &self.tell {
            let _ = tell.try_send(news);
        }
    }
}

/// Whether the device will never work again: its interface was deleted, or its descriptor is none.
pub(super) fn is_gone(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::BADFD | Errno::BADF | Errno::NODEV | Errno::NXIO))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam_channel::unbounded;

    #[test]
    fn however_often_it_fails_little_is_said_and_naps_become_longer() {
        let (tell, told) = unbounded();
        let mut troubles = Troubles::new();
        troubles.tell(tell);
        let mut now = Instant::ZERO;
        let fail = |troubles: &mut Troubles, now| troubles.failing(Doing::Sending, io::ErrorKind::Other.into(), now);
        let mut naps = Duration::ZERO;
        while naps < limits::DEVICE_NEWS * 2 {
            let nap = fail(&mut troubles, now);
            (now, naps) = (now + nap, naps + nap);
        }
        assert_eq!(told.len(), 2);
        assert_eq!(fail(&mut troubles, now), limits::DEVICE_RETRY.1);
        troubles.works(Doing::Sending);
        assert!(matches!(told.iter().take(4).last(), Some(News::Works)), "and once that it works");

        // One that comes and goes is told of no more often.
        for _ in 0..1000 {
            assert_eq!(fail(&mut troubles, now), limits::DEVICE_RETRY.0);
            troubles.works(Doing::Sending);
        }
        assert!(told.is_empty());
    }
}
