//! Two hosts on a simulated network, in virtual time: the same seed gives the same run.
//!
//! Each test carries a stream both ways, over IPv4 and over IPv6, checks every byte of it, and prints the goodput. The
//! amounts are such that all of it takes seconds in a debug build; `cargo test --release --test sim -- --include-ignored`
//! carries 64 MiB each way under the same conditions.

mod changes;
mod goodput;
#[path = "../impair/mod.rs"]
mod impair;
mod matrix;
mod network;
mod path_mtu;
mod rtp;
mod sequence;
mod start;
mod transfer;
mod window;

use std::time::Duration;

use network::{Conditions, Ends, Network, address4, address6};
use taphouse::base::address::{Address, Endpoint};
use taphouse::base::stream::Gone;
use transfer::{Once, Shared, Transfer};

const PORT: u16 = 1000;
/// Longer than anything here takes, in virtual time.
const LIMIT: Duration = Duration::from_secs(100 * 3600);

/// A network, and what is carried over it.
struct Line {
    ends: Ends,
    /// From the host that connects, and to it.
    conditions: [Conditions; 2],
}

impl Line {
    fn new(conditions: Conditions) -> Line {
        Line { ends: Ends::default(), conditions: [conditions.clone(), conditions] }
    }

    fn mtu(mtu: usize) -> Line {
        Line { ends: Ends { mtu }, ..Line::new(Conditions::default()) }
    }

    /// Carries so many bytes each way, over both families.
    #[track_caller]
    fn carry(self, bytes: u64) {
        for to in [address4(2), address6(2)] {
            if self.ends.mtu >= 1280 || to == address4(2) {
                let mut network = Network::asymmetric(bytes, self.ends, self.conditions.clone());
                let transfers = [Transfer::new(bytes, bytes, bytes), Transfer::new(bytes, bytes, bytes)];
                carry(&mut network, to, transfers, bytes);
            }
        }
    }
}

/// Lets host 0 connect to host 1, and drives what both send each other to its end, at which nothing is left.
#[track_caller]
fn carry(network: &mut Network, to: Address, [client, server]: [(Transfer, Shared); 2], bytes: u64) {
    let started = network.now;
    let ends = [client.1.clone(), server.1.clone()];
    begin(network, to, [client.0, server.0]);
    finish(network, &ends);
    report(network, to, network.now - started, bytes);
}

/// Lets host 0 connect to host 1.
fn begin(network: &mut Network, to: Address, [client, server]: [Transfer; 2]) {
    network.hosts[1].stack.listen(PORT, Box::new(Once(Some(server)))).unwrap();
    network.hosts[0].stack.connect(Endpoint { address: to, port: PORT }, Box::new(client)).unwrap();
}

/// Drives both ends to their end, at which nothing is left.
#[track_caller]
fn finish(network: &mut Network, ends: &[Shared; 2]) {
    network.drive(LIMIT, |_| ends.iter().all(|end| end.lock().unwrap().gone.is_some()));
    for end in ends {
        let progress = end.lock().unwrap().clone();
        assert_eq!((progress.gone, progress.ended), (Some(Gone::Closed), true), "{progress:?}\n{}", network.describe());
    }
    for host in &network.hosts {
        assert_eq!((host.stack.connections(), host.stack.memory_pinned()), (0, 0));
    }
}

fn report(network: &Network, to: Address, took: Duration, bytes: u64) {
    let took = took.as_secs_f64();
    let again = network.hosts.each_ref().map(|host| host.stack.counters().segments_again);
    let test = std::thread::current().name().unwrap_or_default().to_owned();
    println!("{test:36} {to:10} {:9.3} Mbit/s each way, {again:?} again", bytes as f64 * 8.0 / took / 1e6);
}
