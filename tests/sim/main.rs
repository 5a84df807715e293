//! Two hosts on a simulated network, in virtual time: the same seed gives the same run.

mod network;
mod transfer;

use std::time::Duration;

use network::{Conditions, Ends, Network, address4, address6};
use taphouse::base::address::{Address, Endpoint};
use taphouse::base::stream::Gone;
use transfer::{Once, Shared, Transfer};

const PORT: u16 = 1000;

/// Opens a transfer of `up` bytes there and `down` bytes back from host 0 to host 1.
fn begin(network: &mut Network, to: Address, seed: u64, up: u64, down: u64) -> [Shared; 2] {
    let (client, at_client) = Transfer::new(seed, up, down);
    let (server, at_server) = Transfer::new(seed, down, up);
    network.hosts[1].stack.listen(PORT, Box::new(Once(Some(server)))).unwrap();
    let remote = Endpoint { address: to, port: PORT };
    network.hosts[0].stack.connect(remote, Box::new(client)).unwrap();
    [at_client, at_server]
}

/// Drives a transfer to its end, and checks that nothing is left.
fn finish(network: &mut Network, ends: &[Shared; 2], limit: Duration) {
    network.drive(limit, |_| ends.iter().all(|end| end.lock().unwrap().gone.is_some()));
    for end in ends {
        let progress = end.lock().unwrap().clone();
        assert_eq!((progress.gone, progress.ended), (Some(Gone::Closed), true), "{progress:?}\n{}", network.describe());
    }
    for host in &network.hosts {
        assert_eq!((host.stack.connections(), host.stack.memory_pinned()), (0, 0));
    }
}

fn transfer(name: &str, seed: u64, ends: Ends, conditions: Conditions, bytes: u64) {
    for to in [address4(2), address6(2)] {
        if ends.mtu < 1280 && to == address6(2) {
            continue;
        }
        let mut network = Network::new(seed, ends, conditions.clone());
        let started = network.now;
        let watched = begin(&mut network, to, seed, bytes, bytes);
        finish(&mut network, &watched, Duration::from_secs(40 * 3600));
        let took = (network.now - started).as_secs_f64();
        println!("{name:30} {to:12} {:8.2} Mbit/s", bytes as f64 * 8.0 / took / 1e6);
    }
}

#[test]
fn a_good_network() {
    transfer("good", 1, Ends::default(), Conditions::default(), 4 << 20);
}

#[test]
fn loss() {
    for loss in [1, 10, 100, 300] {
        let conditions = Conditions { loss, ..Conditions::default() };
        transfer(&format!("loss {loss}"), loss, Ends::default(), conditions, 1 << 20);
    }
}

#[test]
fn a_network_that_breaks_for_a_while() {
    let mut network = Network::new(7, Ends::default(), Conditions::default());
    let ends = begin(&mut network, address4(2), 7, 4 << 20, 4 << 20);
    let half = ends[1].clone();
    network.drive(Duration::from_secs(60), |_| half.lock().unwrap().received > 1 << 20);
    (0..2).for_each(|from| network.set(from, Conditions { loss: 1000, ..Conditions::default() }));
    let until = network.now + Duration::from_secs(20);
    network.drive(Duration::from_secs(60), |network| network.now >= until);
    (0..2).for_each(|from| network.set(from, Conditions::default()));
    finish(&mut network, &ends, Duration::from_secs(120));
}
