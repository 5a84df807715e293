//! What a user is told of a device that fails, and of those who are refused something.

use std::io;
use std::thread;

use crossbeam_channel::{Sender, bounded};
use taphouse::application::refusals::Refusal;
use taphouse::base::limits;
use taphouse::run::{Doing, News};

use super::services::ServiceName;

/// More than shards say at once.
const WAITING: usize = 64;

/// Starts a thread that prints what the shards send it, until they are gone.
pub(super) fn listen(tap: &str) -> io::Result<Sender<News>> {
    let (tell, told) = bounded(WAITING);
    let tap = tap.to_owned();
    let print = move || told.iter().for_each(|news| eprintln!("taphouse: {}", line(&tap, &news)));
    thread::Builder::new().name("news".to_owned()).spawn(print)?;
    Ok(tell)
}

/// Starts a thread that prints what a service refuses, until the service is gone.
pub(super) fn listen_to_refusals(service: ServiceName) -> io::Result<Sender<Refusal>> {
    let (tell, told) = bounded(limits::REFUSALS as usize);
    let print = move || told.iter().for_each(|refusal| eprintln!("taphouse: {service}: {refusal}"));
    thread::Builder::new().name("refusals".to_owned()).spawn(print)?;
    Ok(tell)
}

fn line(tap: &str, news: &News) -> String {
    const EIO: i32 = 5;
    match news {
        News::Works => format!("{tap}: works again"),
        News::Failing(_, why) if why.raw_os_error() == Some(EIO) => {
            format!("{tap}: the interface is down ({why}): set it up with: ip link set {tap} up; trying on")
        }
        News::Failing(Doing::Receiving | Doing::Waiting, why) => {
            format!("{tap}: receiving failed ({why}): trying on")
        }
        News::Failing(Doing::Sending, why) => {
            format!("{tap}: sending failed ({why}): trying on; what is lost is counted as dropped-device-error")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_one_line_that_says_what_happens_next() {
        let error = |number| io::Error::from_raw_os_error(number);
        let down = line("tap0", &News::Failing(Doing::Sending, error(5)));
        assert!(down.starts_with("tap0: the interface is down") && down.ends_with("up; trying on"), "{down}");
        let full = line("tap0", &News::Failing(Doing::Sending, error(105)));
        assert!(full.starts_with("tap0: sending failed (No buffer space available"), "{full}");
        let odd = line("tap0", &News::Failing(Doing::Receiving, error(22)));
        assert_eq!(odd, "tap0: receiving failed (Invalid argument (os error 22)): trying on");
    }
}
