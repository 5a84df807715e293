//! RTP: what is asked of the service, and what it tells.

use std::path::PathBuf;
use std::str::FromStr;
use std::thread;
use std::thread::JoinHandle;
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result};
use crossbeam_channel::{Sender, bounded};
use taphouse::application::Folder;
use taphouse::application::rtp::ntp::WallClock;
use taphouse::application::rtp::payload::{Binding, PayloadTypes};
use taphouse::application::rtp::service::{Reflect, Report, Rtp, Wishes};
use taphouse::application::rtp::session::Ended;
use taphouse::base::address::Endpoint;
use taphouse::device::Device;
use taphouse::run::Clock;
use taphouse::stack::Stack;

use super::groups::{self, GroupWish};

/// What is asked of the service, found to make sense.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RtpSettings {
    /// Where streams are recorded.
    pub(crate) record: Option<PathBuf>,
    /// What payload types mean, beside the static ones.
    pub(crate) map: Vec<Binding>,
    /// Groups that are joined.
    pub(crate) groups: Vec<GroupWish>,
    /// Where packets are sent on to.
    pub(crate) reflect: Option<ReflectWish>,
    /// NACK and PLI are sent.
    pub(crate) feedback: bool,
}

/// Where packets are sent on to: `back`, or `10.77.0.1:6000`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReflectWish(Reflect);

impl FromStr for ReflectWish {
    type Err = String;

    fn from_str(text: &str) -> Result<ReflectWish, String> {
        if text == "back" {
            return Ok(ReflectWish(Reflect::Back));
        }
        let read: Option<std::net::SocketAddr> = text.parse().ok().filter(|to: &std::net::SocketAddr| to.port() != 0);
        let to = read.map(|to| Endpoint { address: to.ip().into(), port: to.port() });
        to.map(|to| ReflectWish(Reflect::To(to))).ok_or_else(|| {
            format!("`{text}` is nobody to send to: write `back`, or an address and a port like 10.77.0.1:6000 or [fd77::1]:6000")
        })
    }
}

/// Binds the service to a port and the next, and joins its groups. `record` is the folder of [`RtpSettings::record`].
///
/// # Errors
/// A port is in use, or a group cannot be joined.
pub(super) fn serve<D: Device>(
    stack: &mut Stack<D>,
    port: u16,
    settings: &RtpSettings,
    record: Option<Folder>,
    clock: Clock,
    printer: &Printer,
) -> Result<()> {
    stack.pin(port);
    stack.pin(port + 1);
    let reports = printer.sender();
    let wishes = Wishes {
        port,
        types: types(&settings.map),
        clock: wall_clock(clock),
        record,
        reflect: settings.reflect.map(|ReflectWish(reflect)| reflect),
        feedback: settings.feedback,
        // Who does not print them in time misses some: the loop waits for nobody.
        reports: Box::new(move |report| drop(reports.try_send(report))),
    };
    let rtp = Rtp::new(wishes);
    stack.bind(port, Box::new(rtp.clone()))?;
    stack.bind(port + 1, Box::new(rtp))?;
    for (group, filter) in groups::filters(&settings.groups, "rtp-group")? {
        for port in [port, port + 1] {
            let joined = stack.join_at(port, group, filter.clone());
            joined.with_context(|| format!("--rtp-group: {group} cannot be joined"))?;
        }
    }
    Ok(())
}

/// What payload types mean, with those that were bound.
pub(super) fn types(map: &[Binding]) -> PayloadTypes {
    let mut types = PayloadTypes::default();
    map.iter().cloned().for_each(|binding| types.bind(binding));
    types
}

/// The time of day of a clock.
pub(super) fn wall_clock(clock: Clock) -> WallClock {
    WallClock { origin: clock.began().duration_since(UNIX_EPOCH).unwrap_or_default() }
}

/// Prints what the service tells, in a thread of its own.
pub(super) struct Printer {
    sender: Sender<Report>,
    thread: JoinHandle<()>,
}

impl Printer {
    /// Starts the thread, which prints streams with these payload types.
    pub(super) fn start(types: PayloadTypes) -> Result<Printer> {
        let (sender, reports) = bounded(1024);
        let print = move || reports.iter().for_each(|report| eprintln!("{}", line(&report, &types)));
        let thread = thread::Builder::new().name("rtp reports".to_owned()).spawn(print);
        Ok(Printer { sender, thread: thread.context("cannot start the thread that tells of RTP streams")? })
    }

    fn sender(&self) -> Sender<Report> {
        self.sender.clone()
    }

    /// Waits until all is printed. To be called when the services are gone.
    pub(super) fn end(self) {
        let Printer { sender, thread } = self;
        drop(sender);
        // One that panicked said so on stderr.
        let _ = thread.join();
    }
}

/// One line for people.
pub(super) fn line(report: &Report, types: &PayloadTypes) -> String {
    match report {
        Report::Ended(ended) => format!("taphouse: rtp: {}", told(ended, types)),
        Report::Recorded { name, missed: 0 } => format!("taphouse: rtp: {name} is recorded"),
        Report::Recorded { name, missed } => {
            format!("taphouse: rtp: {name} is recorded, but for {missed} bytes that the disk did not take in time")
        }
        Report::Unrecorded { name, why } => {
            format!(
                "taphouse: rtp: {name} cannot be written: {why}: is there room and the right to write in --rtp-record?"
            )
        }
    }
}

fn told(ended: &Ended, types: &PayloadTypes) -> String {
    let Ended { ssrc, from, summary } = ended;
    let kind = match types.encoding(summary.payload_type) {
        Some(encoding) => encoding.to_string(),
        None => format!("payload type {}", summary.payload_type),
    };
    let share = summary.lost as f64 * 100.0 / (summary.received - summary.duplicates + summary.lost).max(1) as f64;
    let jitter = f64::from(summary.jitter) * 1e3 / f64::from(summary.rate.max(1));
    let trip = summary.round_trip.map_or("unknown".to_owned(), |span| format!("{:.1} ms", span.as_secs_f64() * 1e3));
    format!(
        "{ssrc:08x} from {from}, {kind}: received {}, lost {} ({share:.1} %), duplicate {}, reordered {}, \
         discarded {}, jitter {} ({jitter:.2} ms), round trip {trip}, MOS {:.1}, {:.1} s",
        summary.received,
        summary.lost,
        summary.duplicates,
        summary.reordered,
        summary.discarded,
        summary.jitter,
        summary.opinion,
        summary.span.as_secs_f64(),
    )
}
