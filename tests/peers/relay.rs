//! The relay between the kernel and `taphouse`: Linux at one end, a bridge with `taphouse` on it at the other.

use std::thread;
use std::time::Duration;

use crate::house::{BOTH, DISCARD, House, V4};
use crate::impair::Conditions;
use crate::lab::Lab;
use crate::relayed::{Relay, Relayed};

/// A relay between TAPs of the name `path` in both namespaces.
fn relay(labs: [&Lab; 2], mtu: usize, conditions: [Conditions; 2]) -> Relay {
    Relay::start(labs.map(|lab| (lab.namespace(), "path")), mtu, conditions).unwrap_or_else(|why| panic!("{why}"))
}

/// Linux with its addresses in one namespace, and `taphouse` behind a bridge in another.
pub(crate) struct Linked {
    relay: Relay,
    house: House,
    pub(crate) near: Lab,
    pub(crate) far: Lab,
}

impl Linked {
    pub(crate) fn new(mtu: usize, conditions: [Conditions; 2]) -> Option<Linked> {
        let (near, far) = (Lab::new()?, Lab::new()?);
        let relay = relay([&near, &far], mtu, conditions);
        near.ip("address add 10.77.0.1/24 dev path");
        near.ip("address add fd77::1/64 dev path nodad");
        far.ip("link add br0 type bridge");
        far.ip("link set path master br0");
        far.ip("link set br0 up");
        // Frames that wait for the relay to have its turn are not to be lost for that.
        for lab in [&near, &far] {
            lab.ip("link set path txqueuelen 20000");
        }
        far.ip("tuntap add dev tap0 mode tap");
        far.ip(&format!("link set tap0 mtu {mtu} master br0 up"));
        let house = far.house(&format!("--tap tap0 --no-host --no-probe --mtu {mtu}"));
        Some(Linked { relay, house, near, far })
    }

    /// The path loses the same frames whenever it has the same seed, counted from here.
    pub(crate) fn seed(&self, seed: u64) {
        self.relay.seed(seed);
    }

    /// Ends it all; nothing is left.
    pub(crate) fn end(self) -> Relayed {
        let Linked { relay, house, near, far } = self;
        assert!(house.end().status.success());
        let relayed = relay.end();
        assert!(!near.has_link("path") && !far.has_link("path"), "its TAPs go with it");
        relayed
    }
}

/// Smallest and average round-trip time of pings, in milliseconds.
fn round_trips(text: &str) -> (f64, f64) {
    let line = text.lines().find(|line| line.starts_with("rtt ")).unwrap_or_else(|| panic!("no times: {text}"));
    let times: Vec<f64> = line
        .split(" = ")
        .nth(1)
        .into_iter()
        .flat_map(|times| times.split(['/', ' ']))
        .filter_map(|time| time.parse().ok())
        .collect();
    (times[0], times[1])
}

#[test]
fn a_ping_takes_as_long_as_the_path() {
    let delay = Duration::from_millis(25);
    let there = Conditions { delay, ..Conditions::default() };
    let back = Conditions { delay: 2 * delay, ..Conditions::default() };
    let Some(linked) = Linked::new(1500, [there, back]) else { return };
    for to in BOTH {
        linked.near.ping(to);
        let text = linked.near.run(&format!("ping -n -c 20 -i 0.05 -W 5 {to}")).ok();
        let (least, average) = round_trips(&text);
        assert!((75.0..76.0).contains(&least), "{text}");
        assert!(average < 80.0, "{text}");
    }
    linked.end();
}

#[test]
fn a_stream_survives_a_path_that_loses_one_percent() {
    let lossy = Conditions { delay: Duration::from_millis(2), rate: 0, loss: 10, ..Conditions::default() };
    let Some(linked) = Linked::new(1500, [lossy.clone(), lossy]) else { return };
    let size = 4 << 20;
    for to in BOTH {
        let told = linked.near.python("tcp.py", &["both_ways", &to.to_string(), &size.to_string()]);
        assert_eq!(told, format!("{size} bytes came back\n"));
    }
    let Relayed { came, delivered, refused } = linked.end();
    let lost = 1000 * (came - delivered) / came;
    assert!((5..=15).contains(&lost) && refused == 0, "{came} came, {delivered} delivered, {refused} refused");
}

/// The queue is as long as it was made, and no longer: a flood waits there for a tenth of a second at most.
#[test]
fn the_queue_is_bounded() {
    let narrow = Conditions { delay: Duration::ZERO, rate: 1_000_000, queue: 10, ..Conditions::default() };
    let Some(linked) = Linked::new(1500, [narrow, Conditions::default()]) else { return };
    linked.near.ping(V4);
    let socket = linked.near.socket(V4, DISCARD);
    let payload = vec![0; 1200];
    for _ in 0..500 {
        // The kernel's own queue may be full, too.
        let _ = socket.send(&payload);
    }
    thread::sleep(Duration::from_millis(300));
    // A ping behind a full queue of 10 frames of 10 ms would take longer had more been kept.
    linked.near.ping(V4);
    let Relayed { came, delivered, .. } = linked.end();
    assert!(came >= 500 && delivered < 150, "{came} came, {delivered} delivered");
}

/// Linux can be measured on the same path.
#[test]
fn linux_is_there_at_both_ends() {
    let (Some(near), Some(far)) = (Lab::new(), Lab::new()) else { return };
    let path = Conditions { delay: Duration::from_millis(10), ..Conditions::default() };
    let relay = relay([&near, &far], 1280, [path.clone(), path]);
    for (lab, host) in [(&near, 1), (&far, 2)] {
        lab.ip(&format!("address add 10.77.0.{host}/24 dev path"));
        lab.ip(&format!("address add fd77::{host}/64 dev path nodad"));
    }
    for to in BOTH {
        near.ping(to);
        let text = near.run(&format!("ping -n -c 10 -i 0.05 -W 5 -M do -s 1200 {to}")).ok();
        assert!((20.0..21.0).contains(&round_trips(&text).0), "{text}");
    }
    relay.end();
}
