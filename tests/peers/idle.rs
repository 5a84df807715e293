//! What it costs when nobody wants anything.

use std::fs;
use std::thread;
use std::time::Duration;

use crate::house::{BOTH, House};
use crate::lab::Lab;

const WATCHED: Duration = Duration::from_secs(5);

/// Processor time while nothing happens. Only time itself can be waited for here.
fn used_while_idle(house: &House) -> Duration {
    let before = house.processor_time();
    thread::sleep(WATCHED);
    house.processor_time() - before
}

#[test]
fn an_idle_process_uses_less_than_a_hundredth_of_a_core_and_32_megabytes() {
    for arguments in ["", "--queues 4"] {
        let Some(lab) = Lab::new() else { return };
        let house = lab.house(arguments);
        // Not only what it never needed: traffic first.
        BOTH.into_iter().for_each(|to| lab.ping(to));
        let used = used_while_idle(&house);
        let status = fs::read_to_string(format!("/proc/{}/status", house.program.pid())).expect("it runs");
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a process has memory");
        let kilobytes: u64 = resident.trim().trim_end_matches(" kB").parse().expect("a number of kB");
        println!("{arguments:?}: {used:?} in {WATCHED:?}, {kilobytes} kB");
        assert!(used < WATCHED / 100, "{used:?} in {WATCHED:?}");
        assert!(kilobytes < 32 * 1024, "{kilobytes} kB");
    }
}
