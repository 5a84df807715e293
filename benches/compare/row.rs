//! The rows: which load, and who is measured under it.

use std::time::{Duration, Instant};

use crate::bulk::{self, Way};
use crate::contender::Contender::{self, Kernel, Limit, Other, Ours, Smoltcp, Swap};
use crate::contender::Wire::{Offload, Plain, Small};
use crate::crowd::Crowd;
use crate::lab::{Failure, Lab};
use crate::load::{Echo, Load};
use crate::peers::Peer;
use crate::report::Figure;
use crate::{requests, visits};

/// Long enough for the kernel's buffers to have grown, for what is written into one counts as sent.
pub(crate) const WARM_UP: Duration = Duration::from_millis(100);
/// Shorter than the machine stays in one state.
pub(crate) const MEASURED: Duration = Duration::from_millis(100);
/// Processor time is told in hundredths of a second.
const NOTHING: Duration = Duration::from_secs(1);
/// Echo requests in flight.
const OUTSTANDING: usize = 64;

/// What is measured.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// TCP, so many flows.
    Bulk(Way, usize),
    /// Echoes, with 64 requests in flight.
    Flood(Echo),
    /// A UDP echo at a time: how long it takes.
    Datagram,
    /// One byte there and back over so many TCP connections.
    Request(usize),
    /// TCP connections opened, asked once and closed, so many at a time.
    Open(usize),
    /// TCP connections opened and kept, so many at a time.
    Accept(usize),
    /// Nothing at all.
    Nothing,
}

/// One row.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) contenders: Vec<Contender>,
    /// Connections of each contender that are open and say nothing.
    pub(crate) idle: Vec<usize>,
    /// What is asked of taphouse, beside whom: the position of ours, of the other, and the least ratio.
    pub(crate) asked: Vec<(usize, usize, f64)>,
}

impl Row {
    fn new(name: &'static str, kind: Kind, contenders: &[Contender], asked: &[(usize, usize, f64)]) -> Row {
        let idle = vec![0; contenders.len()];
        Row { name, kind, contenders: contenders.to_vec(), idle, asked: asked.to_vec() }
    }

    /// The row without the peers that could not be built, nor what is asked beside them.
    pub(crate) fn among(self, peers: &[Peer]) -> Row {
        let takes_part = |contender: &Contender| match contender {
            Contender::Other(peer, _) => peers.contains(peer),
            _ => true,
        };
        let kept: Vec<_> = (0..self.contenders.len()).filter(|index| takes_part(&self.contenders[*index])).collect();
        let at = |index: &usize| kept.iter().position(|kept| kept == index);
        let asked =
            self.asked.iter().filter_map(|(ours, other, least)| Some((at(ours)?, at(other)?, *least))).collect();
        let contenders = kept.iter().map(|index| self.contenders[*index]).collect();
        let idle = kept.iter().map(|index| self.idle[*index]).collect();
        Row { contenders, idle, asked, ..self }
    }

    /// What a figure counts.
    pub(crate) fn unit(&self) -> &'static str {
        match self.kind {
            Kind::Bulk(..) => "Gbit/s",
            Kind::Flood(_) | Kind::Open(_) | Kind::Accept(_) => "a second",
            Kind::Datagram | Kind::Request(_) => "µs",
            Kind::Nothing => "% of a core",
        }
    }

    /// Whether a smaller figure is the better one.
    pub(crate) fn is_time(&self) -> bool {
        matches!(self.kind, Kind::Datagram | Kind::Request(_) | Kind::Nothing)
    }

    /// Opens the idle connections of a contender.
    pub(crate) fn prepare(&self, lab: &Lab, number: u8) -> Result<Crowd, Failure> {
        Crowd::gather(lab, number, self.idle[usize::from(number)])
    }

    /// One measurement.
    pub(crate) fn measure(&self, lab: &Lab, number: u8) -> Result<Figure, Failure> {
        let begun = Instant::now();
        let contender = std::net::Ipv4Addr::new(10, 77, number, 2);
        let mut figure = match self.kind {
            Kind::Bulk(way, flows) => bulk::measure(lab, number, way, flows, WARM_UP, MEASURED)?,
            Kind::Flood(echo) => {
                let rate = Load::new(lab, echo, contender)?.rate(OUTSTANDING, WARM_UP, MEASURED)?;
                Figure { value: rate, ..Figure::default() }
            }
            Kind::Datagram => Figure::of_trips(Load::new(lab, Echo::Udp, contender)?.round_trips(WARM_UP, MEASURED)?),
            Kind::Request(connections) => Figure::of_trips(requests::trips(lab, number, connections, MEASURED)?),
            Kind::Open(at_once) => {
                let opened = visits::rate(lab, number, at_once, MEASURED)?;
                Figure { value: opened, ..Figure::default() }
            }
            Kind::Accept(at_once) => {
                let accepted = requests::accepted(lab, number, at_once, MEASURED)?;
                Figure { value: accepted, ..Figure::default() }
            }
            Kind::Nothing => {
                std::thread::sleep(NOTHING);
                Figure::default()
            }
        };
        figure.span = begun.elapsed();
        Ok(figure)
    }
}

/// All of them, in the order of the report.
pub(crate) fn all() -> Vec<Row> {
    let (limit, ours, small, kernel) = (Limit(Offload), Ours(Offload), Ours(Small), Kernel(Offload));
    let (bare, plain, veth) = (Limit(Plain), Ours(Plain), Kernel(Plain));
    let smoltcp = |kibibytes: usize, sockets| Smoltcp { buffer: kibibytes << 10, sockets };
    let (lwip, gvisor, uncut) = (Other(Peer::Lwip, Plain), Other(Peer::Gvisor, Plain), Other(Peer::Gvisor, Offload));
    let from = [ours, limit, kernel, plain, bare, veth, smoltcp(64, 1), smoltcp(1024, 1), lwip, uncut, gvisor];
    let to = [small, limit, kernel, plain, bare, veth, smoltcp(64, 1), smoltcp(1024, 1), ours, lwip, uncut, gvisor];
    let many = [ours, kernel, plain, veth, smoltcp(64, 8), lwip, uncut, gvisor];
    let echo = [ours, Swap, kernel, plain, smoltcp(64, 0), lwip, gvisor];
    let asked_of_echo = [(0, 1, 0.95), (3, 4, 1.0), (3, 5, 1.0)];
    let idle = |name, kind| {
        let row = Row::new(name, kind, &[ours; 4], &[(2, 0, 0.95), (3, 0, 0.95)]);
        Row { idle: vec![0, 1_000, 10_000, 100_000], ..row }
    };
    vec![
        Row::new(
            "TCP to the host, handed over",
            Kind::Bulk(Way::ToTheHost, 1),
            &to,
            &[(0, 1, 0.88), (0, 2, 1.0), (0, 6, 15.0), (3, 4, 0.95), (3, 7, 1.0), (8, 0, 1.3)],
        ),
        Row::new(
            "TCP from the host",
            Kind::Bulk(Way::FromTheHost, 1),
            &from,
            &[(0, 1, 0.92), (0, 2, 1.0), (0, 6, 12.0), (3, 4, 0.80), (3, 7, 1.2)],
        ),
        Row::new(
            "TCP there and back, written",
            Kind::Bulk(Way::Both, 1),
            &[small, limit, kernel, plain, ours, lwip, uncut],
            &[(0, 1, 0.70), (4, 0, 1.0)],
        ),
        Row::new("TCP to the host, 8 flows", Kind::Bulk(Way::ToTheHost, 8), &many, &[(0, 1, 1.0)]),
        Row::new("TCP from the host, 8 flows", Kind::Bulk(Way::FromTheHost, 8), &many, &[(0, 1, 1.0)]),
        Row::new("UDP echo", Kind::Flood(Echo::Udp), &echo, &asked_of_echo),
        Row::new("ICMP echo", Kind::Flood(Echo::Icmp), &echo, &asked_of_echo),
        Row::new("UDP round trip", Kind::Datagram, &echo, &[(0, 1, 1.10)]),
        Row::new(
            "TCP request and response",
            Kind::Request(1),
            &[ours, limit, kernel, smoltcp(64, 1), lwip, uncut],
            &[(0, 1, 1.15)],
        ),
        Row::new(
            "TCP request and response, 16 connections",
            Kind::Request(16),
            &[ours, kernel, smoltcp(64, 16), lwip, uncut],
            &[],
        ),
        Row::new(
            "connect and close, 8 at once",
            Kind::Open(8),
            &[ours, kernel, smoltcp(64, 16), lwip, uncut],
            &[(0, 1, 1.0), (0, 2, 1.2), (0, 3, 1.0)],
        ),
        Row::new("connections accepted and kept, 8 at once", Kind::Accept(8), &[ours, lwip, uncut], &[]),
        idle("idle connections, TCP from the host", Kind::Bulk(Way::FromTheHost, 1)),
        idle("idle connections, TCP to the host", Kind::Bulk(Way::ToTheHost, 1)),
        idle("idle connections, UDP echo", Kind::Flood(Echo::Udp)),
        Row::new("nothing to do", Kind::Nothing, &[ours, plain], &[]),
    ]
}
