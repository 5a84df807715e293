//! `epoll` and `poll`: what sockets are ready for.

use std::collections::BTreeMap;

use taphouse::sockets::Ready;

/// One socket that is watched.
struct Watch {
    wanted: u32,
    data: u64,
    ready: Ready,
    /// Something happened since it was last told.
    news: bool,
}

/// The sockets that one `epoll` watches.
#[derive(Default)]
pub(crate) struct Epoll {
    watched: BTreeMap<i32, Watch>,
}

/// Readiness as `poll` and `epoll` say it: their bits are the same.
pub(crate) fn bits(ready: Ready) -> u32 {
    [
        (ready.read, libc::EPOLLIN),
        (ready.write, libc::EPOLLOUT),
        (ready.ended, libc::EPOLLRDHUP),
        (ready.over, libc::EPOLLHUP),
        (ready.failed, libc::EPOLLERR),
    ]
    .into_iter()
    .filter(|(is, _)| *is)
    .fold(0, |bits, (_, bit)| bits | bit as u32)
}

/// What is told though nobody asked.
const ALWAYS: u32 = (libc::EPOLLHUP | libc::EPOLLERR) as u32;

impl Epoll {
    /// Watches a socket, or watches it for something else.
    pub(crate) fn watch(&mut self, number: i32, wanted: u32, data: u64) {
        self.watched.insert(number, Watch { wanted, data, ready: Ready::default(), news: true });
    }

    pub(crate) fn watches(&self, number: i32) -> bool {
        self.watched.contains_key(&number)
    }

    pub(crate) fn forget(&mut self, number: i32) {
        self.watched.remove(&number);
    }

    /// Looks at each socket.
    pub(crate) fn observe(&mut self, ready: impl Fn(i32) -> Option<Ready>) {
        for (number, watch) in &mut self.watched {
            let now = ready(*number).unwrap_or_default();
            watch.news |= bits(now) & !bits(watch.ready) != 0 || now.received > watch.ready.received;
            watch.ready = now;
        }
    }

    /// Tells what there is to tell, of `most` sockets at most: their events and data.
    pub(crate) fn take(&mut self, most: usize) -> Vec<(u32, u64)> {
        let edge = libc::EPOLLET as u32;
        let mut told = Vec::new();
        for watch in self.watched.values_mut() {
            let events = bits(watch.ready) & (watch.wanted | ALWAYS);
            if told.len() == most || events == 0 || watch.wanted & edge != 0 && !watch.news {
                continue;
            }
            watch.news = false;
            if watch.wanted & libc::EPOLLONESHOT as u32 != 0 {
                watch.wanted = 0;
            }
            told.push((events, watch.data));
        }
        told
    }
}
