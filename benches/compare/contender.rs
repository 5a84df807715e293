//! Who is measured: each a process of its own, at the end of a wire of its own.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::process::{Signal, set_parent_process_death_signal};
use taphouse::device::host::Link;
use taphouse::device::{Plain as PlainTap, TapOptions};

use crate::lab::{self, CONTENDER_CORE, Failure, Lab};
use crate::peers::Peer;
use crate::{bare, by_smoltcp, kernel, machine, ours, swap};

/// What passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    /// Unfinished checksums and superframes, as large as the kernel takes them.
    Offload,
    /// The same, but no superframe of more than 65,535 bytes.
    Small,
    /// Frames of the MTU.
    Plain,
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    /// The bare endpoint: TCP without a stack.
    Limit(Wire),
    /// The bare loop: echoes without a stack.
    Swap,
    Ours(Wire),
    /// With buffers of so many bytes each way, and so many sockets at each port; none: it answers UDP and ICMP only.
    Smoltcp {
        buffer: usize,
        sockets: usize,
    },
    /// The kernel's own stack at the other end of a veth pair.
    Kernel(Wire),
    /// A program in another language, where it could be built.
    Other(Peer, Wire),
}

/// One that runs. It ends when this goes, and its wire with it.
pub(crate) struct Running {
    process: Child,
}

impl Contender {
    pub(crate) fn name(self) -> String {
        let wire = |wire| match wire {
            Wire::Offload => "offload",
            Wire::Small => "offload, 64 KB at most",
            Wire::Plain => "no offload",
        };
        match self {
            Contender::Limit(on) => format!("the limit, {}", wire(on)),
            Contender::Swap => "the limit".to_owned(),
            Contender::Ours(on) => format!("taphouse, {}", wire(on)),
            Contender::Smoltcp { sockets: 0, .. } => "smoltcp".to_owned(),
            Contender::Smoltcp { buffer, .. } => format!("smoltcp, {} KiB", buffer >> 10),
            Contender::Kernel(on) => format!("the kernel over veth, {}", wire(on)),
            // It knows no other wire.
            Contender::Other(Peer::Lwip, _) => "lwIP, 64 KiB".to_owned(),
            Contender::Other(peer, on) => format!("{}, {}", peer.name(), wire(on)),
        }
    }

    /// Starts it on wire `number`: 10.77.`number`.1 is the host, .2 the contender.
    pub(crate) fn start(self, lab: &Lab, number: u8) -> Result<Running, Failure> {
        let program = std::env::current_exe()?;
        // A veth pair has its other end in a namespace of the kernel's that is measured.
        let mut command = match self {
            Contender::Kernel(_) => Command::new("unshare"),
            _ => Command::new(&program),
        };
        if let Contender::Kernel(_) = self {
            command.arg("--net").arg(&program);
        }
        let words = match self {
            Contender::Limit(on) => format!("limit {on:?}"),
            Contender::Swap => "swap".to_owned(),
            Contender::Ours(on) => format!("ours {on:?}"),
            Contender::Smoltcp { buffer, sockets } => format!("smoltcp {buffer} {sockets}"),
            Contender::Kernel(on) => format!("kernel {on:?}"),
            Contender::Other(peer, on) => format!("other {} {on:?}", peer.name()),
        };
        command.arg("--contender").arg(lab.path()).arg(number.to_string()).args(words.split(' '));
        let process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut running = Running { process };
        if let Contender::Kernel(on) = self {
            kernel::lay(lab, number, running.process.id(), on)?;
        }
        let output = running.process.stdout.take().ok_or("its output is piped")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        if line.trim_end() != "ready" {
            return Err("it did not start".into());
        }
        if self.is_cut() {
            let name = format!("tap{number}");
            machine::no_offload(lab, &name)?;
            // As the library leaves a plain TAP.
            Link::open(&lab.namespace(), &name)?.set_scatter_gather(false)?;
        }
        Ok(running)
    }

    /// Whether the host is to cut segments itself, though the device could take superframes.
    fn is_cut(self) -> bool {
        matches!(self, Contender::Limit(Wire::Plain))
    }
}

impl Running {
    /// Processor time that it has used so far, in seconds: its own, and the kernel's in its calls.
    pub(crate) fn processor_time(&self) -> Result<f64, Failure> {
        let line = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        // proc_pid_stat(5): utime and stime are the fields 14 and 15, in hundredths of a second.
        let behind_name = line.rsplit_once(')').map_or("", |(_, behind)| behind);
        let ticks = behind_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok());
        Ok(ticks.sum::<f64>() / 100.0)
    }

    /// What of its memory is in use now, in bytes.
    pub(crate) fn resident(&self) -> Result<u64, Failure> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("it has ended")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? << 10)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The process of one contender: serves until it is killed.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let [namespace, number, words @ ..] = &arguments[..] else { return Err("too few words".into()) };
    let (lab, number) = (Lab::at(PathBuf::from(namespace))?, number.parse()?);
    lab::pin(CONTENDER_CORE)?;
    match words {
        ["limit", on] => {
            let wire = lab.wire(number)?;
            ready();
            let (segment, sums) = if *on == "Offload" { (bare::SUPERFRAME, false) } else { (bare::MSS, true) };
            Ok(bare::run(wire.tap, wire.mac, segment, sums)?)
        }
        ["swap"] => {
            let wire = lab.wire(number)?;
            ready();
            Ok(swap::run(wire.tap)?)
        }
        ["ours", "Offload"] => {
            let wire = lab.wire(number)?;
            Ok(ours::run(wire.tap, wire.mac, wire.own)?)
        }
        ["ours", "Small"] => {
            let wire = lab.wire(number)?;
            Ok(ours::run(ours::Small(wire.tap), wire.mac, wire.own)?)
        }
        ["ours", _] => {
            let tap = PlainTap::open(&options(&lab, number))?;
            let (mac, own) = lab.lay(number)?;
            Ok(ours::run(tap, mac, own)?)
        }
        ["smoltcp", buffer, sockets] => {
            let tap = PlainTap::open(&options(&lab, number))?;
            let (mac, own) = lab.lay(number)?;
            Ok(by_smoltcp::run(tap, mac, own, buffer.parse()?, sockets.parse()?)?)
        }
        ["kernel", _] => kernel::run(number),
        ["other", name, on] => {
            let peer =
                Peer::ALL.into_iter().map(|(peer, _)| peer).find(|peer| peer.name() == *name).ok_or("no such peer")?;
            if *on == "Plain" {
                let tap = PlainTap::open(&options(&lab, number))?;
                let (mac, own) = lab.lay(number)?;
                peer.run(tap, mac, own, Wire::Plain)
            } else {
                let wire = lab.wire(number)?;
                peer.run(wire.tap, wire.mac, wire.own, Wire::Offload)
            }
        }
        _ => Err(format!("no contender: {words:?}").into()),
    }
}

/// Says that it serves.
pub(crate) fn ready() {
    println!("ready");
}

fn options(lab: &Lab, number: u8) -> TapOptions {
    TapOptions { name: format!("tap{number}"), namespace: lab.namespace(), ..TapOptions::default() }
}
