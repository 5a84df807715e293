//! `taphouse up`: everything is opened in order, then the shards run until they are told to stop.

use std::cell::Cell;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result, anyhow};
use crossbeam_channel::{Sender, unbounded};
use taphouse::application::accounts::Accounts;
use taphouse::application::chargen::Chargen;
use taphouse::application::discard::Discard;
use taphouse::application::echo::Echo;
use taphouse::application::ftp::{self, Access, Ftp, Rules};
use taphouse::application::iperf::Iperf;
use taphouse::application::refusals::Refusal;
use taphouse::application::smtp::relay::{DESK, Locals, PORT as RELAY, Relay};
use taphouse::application::smtp::server::{Role, Smtp};
use taphouse::application::tls::Identity;
use taphouse::application::{Datagrams, Folder, Service};
use taphouse::base::counters::Counters;
use taphouse::device::host::{HostError, Link, LinkLocal};
use taphouse::device::{Capabilities, Capture, Device, Namespace, Opened, Port, TapOptions, Want};
use taphouse::run::{Clock, Confinement, Folders, Handle, Shard, Signals, Storage, confine};
use taphouse::stack::{Config, Groups, Mailbox, Stack, Start};

use super::card;
use super::certificate;
use super::files::{self, Files};
use super::groups;
use super::lease::Ledger;
use super::mail;
use super::notices;
use super::relay::{self, Log};
use super::rtp::{self, Printer};
use super::services::{ServiceAt, ServiceName};
use super::settings::{DeviceChoice, Settings};
use super::trouble;
use super::watch::Watch;

/// What services need besides a stack.
struct Means {
    storage: Option<Storage>,
    accounts: Arc<Accounts>,
    identity: Option<Identity>,
    recordings: Option<Folder>,
    refusals: Option<Sender<Refusal>>,
    printer: Printer,
    mail: Option<Smtp>,
    /// For the first shard.
    relay: Cell<Option<Relay>>,
    ledger: Option<Ledger>,
}

/// Serves until a signal ends it.
///
/// # Errors
/// One line that says what, why and what to do.
pub(crate) fn up(settings: &Settings) -> Result<()> {
    let signals = Signals::catch().context("cannot catch signals")?;
    let clock = Clock::new();
    let namespace = settings.namespace.as_deref().map_or(Namespace::Own, Namespace::named);
    let ports = attach(settings, &namespace)?;
    // Not before: a second start, which finds the TAP busy, leaves the first one's capture alone.
    let watch = Watch::open(settings, clock)?;
    let created = ports.first().is_some_and(Port::created);
    prepare_host(settings, &namespace, created)?;

    // No thread before this, and no file opened behind it.
    let identity = certificate::identity(settings)?;
    let rules = relay::rules(settings, clock)?;
    let (settings, Files { mut paths, folders, accounts, recordings, mail, queue }) = files::open(settings.clone());
    let settings = &settings;
    let ledger = Ledger::open(settings);
    paths.extend(ledger.iter().map(Ledger::path).cloned());
    let confined = confine(&paths);
    let storage = if folders.is_empty() { None } else { Some(start_storage(folders)?) };
    let printer = Printer::start(rtp::types(&settings.rtp.map))?;
    let began = began(clock);
    let mail_rules = |folder| mail::rules(settings, folder, accounts.clone(), identity.clone(), began);
    let mail_rules = mail.map(mail_rules).transpose()?;
    let (queue, relay, log) = match rules.zip(queue) {
        Some((rules, folder)) => {
            // What comes back to somebody here needs no next hop.
            let locals = mail_rules.clone().map(|rules| Arc::new(rules) as Arc<dyn Locals>);
            let (queue, relay, log) = relay::start(relay::Rules { locals, ..rules }, folder)?;
            (Some(queue), Some(relay), Some(log))
        }
        None => (None, None, None),
    };
    let mail = mail_rules.map(|rules| Smtp::new(mail::Rules { queue, ..rules }));
    let serves_files = settings.serves(ServiceName::Ftp);
    let refusals = serves_files.then(|| trouble::listen_to_refusals(ServiceName::Ftp)).transpose();
    let refusals = refusals.context("cannot start the thread that tells of refusals")?;
    let relay = Cell::new(relay);
    let means = Means { storage, accounts, identity, recordings, refusals, printer, mail, relay, ledger };
    let (copies, watching) = watch.start()?;
    let start = start(settings, created);
    // Two programs, so that the loop pays nothing for watching when nobody watches.
    let served = if copies.is_empty() {
        serve(settings, ports, start, signals, clock, &confined, &means)
    } else {
        let watched = ports.into_iter().map(|port| Capture::new(port, copies.clone())).collect();
        drop(copies);
        serve(settings, watched, start, signals, clock, &confined, &means)
    };
    // The stacks are gone, so nothing more is asked for.
    means.storage.into_iter().for_each(Storage::end);
    means.printer.end();
    log.into_iter().for_each(Log::end);
    let watched = watching.end();
    served.and(watched)
}

/// Runs a shard on each of `devices` until a signal ends them.
fn serve<D: Device + Send>(
    settings: &Settings,
    devices: Vec<D>,
    start: Start,
    signals: Signals,
    clock: Clock,
    confined: &Confinement,
    means: &Means,
) -> Result<()> {
    let device = describe(devices.first().map(Device::capabilities));
    let (mut shards, handles): (Vec<_>, Vec<_>) = shards(settings, devices, start, clock, means)?.into_iter().unzip();
    let news = trouble::listen(&settings.tap).context("cannot start the thread that tells of the device")?;
    shards.iter_mut().for_each(|shard| shard.tell(news.clone()));
    signals.answer(handles.clone(), report).context("cannot start the thread that answers signals")?;
    if let Some(line) = notices::before(settings, start) {
        eprintln!("{line}");
    }
    let (sender, told) = unbounded();
    shards.iter_mut().for_each(|shard| shard.tell_of_addresses(sender.clone()));
    drop(sender);
    let card = |settings: &Settings| card::card(settings, &device, confined);
    let ledger = means.ledger.as_ref();
    let listen = || notices::listen(settings, &card, ledger, &handles, &told);
    let counted = run(shards, &handles, &settings.tap, clock, listen);
    report(&counted.0);
    counted.1
}

/// Nobody else is on a wire that we made, so nobody has to wait; on any other, others come first.
pub(super) fn start(settings: &Settings, created: bool) -> Start {
    match (settings.no_probe, created) {
        (true, _) => Start::AtOnce,
        (false, true) => Start::Optimistic,
        (false, false) => Start::Probed,
    }
}

pub(super) fn attach(settings: &Settings, namespace: &Namespace) -> Result<Vec<Port>> {
    let Settings { tap, queues, mtu, device, .. } = settings;
    let options = TapOptions { name: tap.clone(), namespace: namespace.clone(), queues: *queues, mtu: *mtu };
    let want = match device {
        DeviceChoice::Auto => Want::Best,
        DeviceChoice::Offload => Want::Offload,
        DeviceChoice::Plain => Want::Plain,
    };
    let Opened { ports, fell_back } = Port::open(&options, want)?;
    if let Some(why) = fell_back {
        eprintln!("taphouse: {tap}: the kernel refuses virtio_net_hdr ({why}): going on as with --device plain");
    }
    let offloads = ports.iter().all(|port| port.capabilities().checksum);
    if *device == DeviceChoice::Offload && !offloads {
        return Err(anyhow!("{tap}: this kernel offers no checksum offload on a TAP: leave --device offload out"));
    }
    Ok(ports)
}

/// Gives the host's side its addresses. A TAP that somebody else made, and that we may not change, is left as it is.
pub(super) fn prepare_host(settings: &Settings, namespace: &Namespace, created: bool) -> Result<()> {
    let prepare = || -> Result<(), HostError> {
        let mut link = Link::open(namespace, &settings.tap)?;
        if created {
            link.set_mtu(settings.mtu)?;
        }
        link.set_up(if created { LinkLocal::AtOnce } else { LinkLocal::Kernel })?;
        settings.host.iter().try_for_each(|address| link.add_address(*address))
    };
    if !created && settings.host.is_empty() {
        return Ok(());
    }
    match prepare() {
        Err(why @ HostError::Denied(..)) if !created => {
            eprintln!("taphouse: the host's side is left as it is: {why}");
            Ok(())
        }
        prepared => Ok(prepared?),
    }
}

/// What a stack is to know.
pub(super) fn config(settings: &Settings, start: Start) -> Result<Config> {
    let mut seed = [0; 16];
    getrandom::fill(&mut seed).map_err(|why| anyhow!("the kernel gives no randomness: {why}"))?;
    Ok(Config {
        mac: settings.mac,
        addresses: settings.addresses.clone(),
        gateways: settings.gateways.clone(),
        rarp: settings.rarp.clone(),
        start,
        groups: Groups::All,
        ask_rarp: settings.ask_rarp.then(|| settings.host.clone()),
        auto: settings.auto,
        lease: None,
        vlan: settings.vlan,
        memory: settings.memory / settings.queues,
        seed,
    })
}

fn shards<D: Device>(
    settings: &Settings,
    devices: Vec<D>,
    start: Start,
    clock: Clock,
    means: &Means,
) -> Result<Vec<(Shard<D>, Handle)>> {
    let lease = means.ledger.as_ref().and_then(|ledger| ledger.read(clock));
    let config = Config { lease, ..config(settings, start)? };
    let mailboxes = Mailbox::for_shards(devices.len() as u16).context("cannot make the shards' mailboxes")?;
    let began = began(clock);
    let anonymous = if settings.writable { Access::Write } else { Access::Read };
    let rules = Rules {
        anonymous,
        accounts: means.accounts.clone(),
        identity: means.identity.clone(),
        refusals: means.refusals.clone(),
        began,
    };
    let shard = |(device, (mailbox, waker))| {
        let mut stack = Stack::shard(device, &config, mailbox)?;
        if let Some(storage) = &means.storage {
            stack.set_storage(storage.orders());
        }
        // One takes all messages out of the queue.
        if let Some(relay) = means.relay.take() {
            relay.wakes_by(stack.bell(DESK));
            stack.bind(RELAY, Box::new(relay))?;
        }
        for service in &settings.services {
            serve_with(&mut stack, *service, settings, &rules, clock, means)?;
        }
        for (group, filter) in groups::filters(&settings.groups, "group")? {
            stack.join(group, filter).with_context(|| format!("--group: {group} cannot be joined"))?;
        }
        Ok(Shard::new(stack, waker, settings.busy_poll))
    };
    devices.into_iter().zip(mailboxes).map(shard).collect()
}

/// Gives a service its port, of both transport protocols.
fn serve_with<D: Device>(
    stack: &mut Stack<D>,
    ServiceAt { name, port }: ServiceAt,
    settings: &Settings,
    rules: &Rules,
    clock: Clock,
    means: &Means,
) -> Result<()> {
    let (datagrams, streams): (Box<dyn Datagrams>, Box<dyn Service>) = match name {
        ServiceName::Echo => (Box::new(Echo), Box::new(Echo)),
        ServiceName::Discard => (Box::new(Discard), Box::new(Discard)),
        ServiceName::Chargen => (Box::new(Chargen::default()), Box::new(Chargen::default())),
        ServiceName::Iperf => {
            stack.pin(port);
            let iperf = Iperf::default();
            (Box::new(iperf.clone()), Box::new(iperf))
        }
        ServiceName::Ftp => return serve_files(stack, port, rules),
        ServiceName::Smtp => return serve_mail(stack, port, Role::Transfer, means),
        ServiceName::Submission => return serve_mail(stack, port, Role::Submission, means),
        ServiceName::Submissions => return serve_mail(stack, port, Role::Submissions, means),
        ServiceName::Rtp => {
            rtp::serve(stack, port, &settings.rtp, means.recordings, clock, &means.printer)?;
            for port in [port, port + 1] {
                stack.set_multicast_ttl(port, settings.multicast_ttl);
            }
            return Ok(());
        }
    };
    stack.bind(port, datagrams)?;
    stack.set_multicast_ttl(port, settings.multicast_ttl);
    stack.listen(port, streams)?;
    Ok(())
}

/// FTP's ports: that of control connections, and those that clients are told.
fn serve_files<D: Device>(stack: &mut Stack<D>, port: u16, rules: &Rules) -> Result<()> {
    let mut server = Ftp::new(rules.clone());
    let passive = server.passive();
    let ports = stack.listen_at_own(ftp::PASSIVE_PORTS, || Box::new(passive.clone()))?;
    server.set_passive_ports(ports);
    stack.listen(port, Box::new(server))?;
    Ok(())
}

/// One of SMTP's ports.
fn serve_mail<D: Device>(stack: &mut Stack<D>, port: u16, role: Role, means: &Means) -> Result<()> {
    // Without a place for mailboxes the service was left out.
    if let Some(server) = &means.mail {
        stack.listen(port, Box::new(server.at(role)))?;
    }
    Ok(())
}

/// When the clock of all shards began, in seconds since 1970.
fn began(clock: Clock) -> i64 {
    clock.began().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}

fn start_storage(folders: Folders) -> Result<Storage> {
    Storage::start(folders).context("cannot start the threads that wait for the disk")
}

/// Runs every shard on a thread of its own until all have ended. When one fails, so do the others. `listen` hears
/// meanwhile what they tell of our addresses.
fn run<D: Device + Send>(
    shards: Vec<Shard<D>>,
    handles: &[Handle],
    tap: &str,
    clock: Clock,
    listen: impl FnOnce() -> Result<()> + Send,
) -> (Counters, Result<()>) {
    let mut counted = (Counters::default(), Ok(()));
    thread::scope(|scope| {
        let run = |shard: Shard<D>| {
            let ended = shard.run(clock);
            handles.iter().for_each(Handle::stop);
            ended
        };
        let listener = scope.spawn(listen);
        let threads: Vec<_> = shards.into_iter().map(|shard| scope.spawn(move || run(shard))).collect();
        for thread in threads {
            let (counters, failed) = match thread.join() {
                Ok((counters, ended)) => (counters, ended.err().map(|why| lost(tap, &why))),
                Err(_panic) => (Counters::default(), Some(anyhow!("a shard panicked: this is a bug of taphouse"))),
            };
            counted.0.add(&counters);
            if let Some(failed) = failed {
                counted.1 = Err(failed);
            }
        }
        if let Ok(Err(failed)) = listener.join() {
            counted.1 = Err(failed);
        }
    });
    counted
}

fn lost(tap: &str, why: &io::Error) -> anyhow::Error {
    const EBADFD: i32 = 77;
    match why.raw_os_error() {
        Some(EBADFD) => anyhow!("{tap}: the interface was deleted: start taphouse again to make a new one"),
        _ => anyhow!("{tap}: the interface is gone ({why}): start taphouse again"),
    }
}

fn report(counters: &Counters) {
    eprint!("{counters}");
}

fn describe(capabilities: Option<Capabilities>) -> String {
    let Some(Capabilities { checksum, segment_tcp, segment_udp, superframe_v4, .. }) = capabilities else {
        return String::new();
    };
    let big = superframe_v4 > 65_535;
    let offloads = [(checksum, "checksum"), (segment_tcp, "TSO"), (segment_udp, "USO"), (big, "BIG TCP")];
    let able: Vec<_> = offloads.iter().filter(|(able, _)| *able).map(|(_, name)| *name).collect();
    if able.is_empty() { "no offloads".to_owned() } else { format!("offloads: {}", able.join(", ")) }
}
