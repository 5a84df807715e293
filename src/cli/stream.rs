//! `taphouse stream`: sends a file as RTP through a stack of its own, then leaves.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use crossbeam_channel::bounded;
use taphouse::application::rtp::media::Media;
use taphouse::application::rtp::payload::Samples;
use taphouse::application::rtp::sender::{News, Plan, Sender, Sent};
use taphouse::application::rtp::{PORT, sdp};
use taphouse::base::address::{Address, Endpoint};
use taphouse::device::{Capture, Device, Namespace, Port};
use taphouse::run::{Clock, Shard, Signals, confine};
use taphouse::stack::{Config, Groups, Mailbox, Notice, Stack};

use super::settings::Settings;
use super::watch::Watch;
use super::{rtp, up};

/// What is to be sent, and where to.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct StreamArgs {
    /// WAV of 16 bits, µ-law or A-law; or rtpdump, whose packets are sent as they were
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// rtp://HOST:PORT, HOST an address; reports go to the next port
    #[arg(value_name = "URL")]
    to: Target,

    /// What WAV of 16 bits becomes: pcmu, pcma or l16 [default: l16]
    #[arg(long, value_name = "CODEC", help_heading = "Stream")]
    codec: Option<Codec>,

    /// Send the file so often at once, each a stream of its own, 1 to 10000 [default: 1]
    #[arg(long, value_name = "COUNT", help_heading = "Stream")]
    streams: Option<u16>,

    /// Tell on stderr what receivers report, and how punctual we were
    #[arg(long, help_heading = "Stream")]
    stats: bool,

    /// Print the session description (SDP) by which players open it on stdout
    #[arg(long, help_heading = "Stream")]
    sdp: bool,
}

/// Where a stream goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Target(Endpoint);

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Target, String> {
        let at = text.strip_prefix("rtp://").map(|at| at.trim_end_matches('/'));
        let read =
            at.and_then(|at| at.parse::<std::net::SocketAddr>().ok()).filter(|to| (1..65_535).contains(&to.port()));
        read.map(|to| Target(Endpoint { address: to.ip().into(), port: to.port() })).ok_or_else(|| {
            format!("`{text}` is nowhere to send RTP to: write it like rtp://10.77.0.1:5004 or rtp://[fd77::1]:5004")
        })
    }
}

/// What linear sound becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Codec(Samples);

impl FromStr for Codec {
    type Err = String;

    fn from_str(text: &str) -> Result<Codec, String> {
        match text {
            "pcmu" => Ok(Codec(Samples::Mu)),
            "pcma" => Ok(Codec(Samples::A)),
            "l16" => Ok(Codec(Samples::Linear16)),
            _ => Err(format!("`{text}` is no codec of ours: choose `pcmu`, `pcma` or `l16`")),
        }
    }
}

/// A file is held in memory while it is sent.
const LARGEST: u64 = 1 << 30;

/// Sends, until all is sent or a signal ends it.
///
/// # Errors
/// One line that says what, why and what to do.
pub(crate) fn stream(settings: &Settings, args: &StreamArgs) -> Result<()> {
    let signals = Signals::catch().context("cannot catch signals")?;
    let clock = Clock::new();
    let media = read(&args.file, args.codec, settings)?;
    let namespace = settings.namespace.as_deref().map_or(Namespace::Own, Namespace::named);
    let ports = up::attach(settings, &namespace)?;
    let watch = Watch::open(settings, clock)?;
    let created = ports.first().is_some_and(Port::created);
    up::prepare_host(settings, &namespace, created)?;
    // Nothing more is opened.
    confine(&[]);
    let (copies, watching) = watch.start()?;
    let sent = if copies.is_empty() {
        send(settings, args, media, ports, created, signals, clock)
    } else {
        let watched = ports.into_iter().map(|port| Capture::new(port, copies.clone())).collect();
        drop(copies);
        send(settings, args, media, watched, created, signals, clock)
    };
    let watched = watching.end();
    sent.and(watched)
}

fn read(path: &Path, codec: Option<Codec>, settings: &Settings) -> Result<Media> {
    let name = path.display();
    let length = std::fs::metadata(path).with_context(|| format!("{name} cannot be read"))?.len();
    if length > LARGEST {
        return Err(anyhow!("{name} is too large: cut it into files of at most 1 GiB"));
    }
    let bytes = std::fs::read(path).with_context(|| format!("{name} cannot be read"))?;
    let types = rtp::types(&settings.rtp.map);
    Media::read(bytes, codec.map(|Codec(samples)| samples), &types).map_err(|why| {
        anyhow!("{name} cannot be sent: {why}: give a WAV file of 16 bits, µ-law or A-law, or an rtpdump file")
    })
}

fn send<D: Device + Send>(
    settings: &Settings,
    args: &StreamArgs,
    media: Media,
    devices: Vec<D>,
    created: bool,
    signals: Signals,
    clock: Clock,
) -> Result<()> {
    let device = devices.into_iter().next().ok_or_else(|| anyhow!("{}: it has no queue", settings.tap))?;
    let (mailbox, waker) = Mailbox::for_shards(1)?.pop().ok_or_else(|| anyhow!("cannot make the shard's mailbox"))?;
    let mut seed = [0; 16];
    getrandom::fill(&mut seed).map_err(|why| anyhow!("the kernel gives no randomness: {why}"))?;
    let config = Config {
        gateways: settings.gateways.clone(),
        start: up::start(settings, created),
        groups: Groups::All,
        auto: settings.auto,
        vlan: settings.vlan,
        memory: settings.memory,
        ..Config::new(settings.mac, &settings.addresses, seed)
    };
    let mut stack = Stack::shard(device, &config, mailbox)?;
    while !is_ready(&mut stack)? {
        stack.turn(clock.now())?;
        let at_most = stack.deadline().map_or(Duration::from_millis(100), |deadline| deadline - clock.now());
        stack.wait(&waker, Some(at_most))?;
    }

    let Target(to) = args.to;
    if args.sdp {
        let same = |own: &Address| own.family() == to.address.family();
        let from = stack.addresses().find(same).ok_or_else(|| anyhow!("no address of ours reaches {to}"))?;
        let began = rtp::wall_clock(clock).origin.as_secs();
        print!("{}", sdp::describe(from, (to, settings.multicast_ttl), media.payload_type(), media.encoding(), began));
        io::stdout().flush()?;
    }
    let streams = usize::from(args.streams.unwrap_or(1).clamp(1, 10_000));
    let (news, told) = bounded(1024);
    // Who does not print in time misses reports; there is always room for the last word, for nobody else sends then.
    let news = Box::new(move |one| drop(news.try_send(one)));
    let sender = Sender::new(Plan { media, streams, to, port: PORT, clock: rtp::wall_clock(clock), news });
    stack.bind(PORT + 1, Box::new(sender.clone()))?;
    stack.bind(PORT, Box::new(sender))?;
    for port in [PORT, PORT + 1] {
        stack.set_multicast_ttl(port, settings.multicast_ttl);
    }

    let (shard, handle) = Shard::new(stack, waker, settings.busy_poll);
    signals
        .answer(vec![handle.clone()], |counters| eprint!("{counters}"))
        .context("cannot start the thread that answers signals")?;
    thread::scope(|scope| {
        let shard = scope.spawn(move || shard.run(clock));
        let mut ended = Err(anyhow!("it was ended before all was sent"));
        for one in told.iter() {
            match one {
                News::Reported(feedback) if args.stats => eprintln!(
                    "taphouse: {:08x} reports: lost {} in all, {:.1} % of late, jitter {}, round trip {}",
                    feedback.from,
                    feedback.lost,
                    f64::from(feedback.fraction_lost) / 2.56,
                    feedback.jitter,
                    feedback
                        .round_trip
                        .map_or("unknown".to_owned(), |span| format!("{:.2} ms", span.as_secs_f64() * 1e3)),
                ),
                News::Reported(_) => {}
                News::Over { sent, cut_off } => {
                    if args.stats {
                        eprintln!("taphouse: {}", told_at_the_end(&sent));
                    }
                    ended = match cut_off {
                        Some(why) => Err(anyhow!("the stream to {to} was ended: {why} (RFC 8083)")),
                        None => Ok(()),
                    };
                    // What waits for a neighbour has a moment to leave.
                    thread::sleep(Duration::from_millis(20));
                    handle.stop();
                }
            }
        }
        match shard.join() {
            Ok((_counters, Ok(()))) => ended,
            Ok((_counters, Err(why))) => Err(why.into()),
            Err(_panic) => Err(anyhow!("the shard panicked: this is a bug of taphouse")),
        }
    })
}

/// Whether our addresses can be used.
fn is_ready<D: Device>(stack: &mut Stack<D>) -> Result<bool> {
    while let Some(notice) = stack.take_notice() {
        match notice {
            Notice::Ready(_) => return Ok(true),
            Notice::Lost { address, station } => {
                return Err(anyhow!("{address} belongs to {station} already: choose another --address"));
            }
            _ => {}
        }
    }
    Ok(false)
}

fn told_at_the_end(sent: &Sent) -> String {
    let Sent { packets, octets, again, pictures, lateness } = sent;
    let micros = |span: Duration| span.as_micros();
    format!(
        "sent {packets} packets, {octets} octets, {again} again, {pictures} pictures asked for; late by {} µs (median), {} µs \
         (99 %), {} µs (most)",
        micros(lateness.quantile(0.5)),
        micros(lateness.quantile(0.99)),
        micros(lateness.most),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_addresses_with_ports() {
        let to = |text: &str| text.parse::<Target>().map(|Target(to)| to.to_string());
        assert_eq!(to("rtp://10.77.0.1:5004").as_deref(), Ok("10.77.0.1:5004"));
        assert_eq!(to("rtp://[fd77::1]:6000/").as_deref(), Ok("[fd77::1]:6000"));
        for bad in
            ["10.77.0.1:5004", "rtp://10.77.0.1", "rtp://host:5004", "rtp://10.77.0.1:0", "rtp://10.77.0.1:65535"]
        {
            let why = to(bad).unwrap_err();
            assert!(why.starts_with(&format!("`{bad}` is nowhere to send RTP to")), "{why}");
        }
    }
}
