//! More than one queue.

use crate::house::{BOTH, ECHO, pattern};
use crate::lab::Lab;

fn two_hundred_flows(queues: usize) {
    let Some(lab) = Lab::new() else { return };
    let house = lab.house(&format!("--queues {queues}"));
    for to in BOTH {
        lab.ping(to);
        let sockets: Vec<_> = (0..200).map(|_| lab.socket(to, ECHO)).collect();
        for (number, socket) in sockets.iter().enumerate() {
            socket.send(&pattern(600, number)).expect("the link is up");
        }
        let mut answer = [0; 1000];
        for (number, socket) in sockets.iter().enumerate() {
            let length = socket.recv(&mut answer).unwrap_or_else(|why| panic!("flow {number} of {to}: {why}"));
            assert_eq!(answer[..length], pattern(600, number), "flow {number} of {to}");
        }
    }
    assert_eq!(house.counted("datagrams-in-place"), 400);
}

#[test]
fn flows_over_two_queues_are_all_answered() {
    two_hundred_flows(2);
}

#[test]
fn flows_over_four_queues_are_all_answered() {
    two_hundred_flows(4);
}
