//! How it ends, and what is left then: nothing.

use std::path::Path;

use rustix::process::Signal;

use crate::house::{BOTH, V4, count};
use crate::lab::Lab;

#[test]
fn a_signal_ends_it_cleanly_with_a_report() {
    for signal in [Signal::TERM, Signal::INT] {
        let Some(lab) = Lab::new() else { return };
        let house = lab.house("");
        lab.ping(V4);
        assert!(lab.has_link("tap0"));
        let pid = house.program.pid();
        house.program.signal(signal);
        let ended = house.program.ended();
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
        assert_eq!(count(&ended.stderr, "echo-answered"), 3, "{}", ended.stderr);
        assert!(!lab.has_link("tap0"), "the TAP that it made goes with it");
        assert!(!Path::new(&format!("/proc/{pid}")).exists());
    }
}

#[test]
fn the_tap_goes_even_when_it_is_killed() {
    let Some(lab) = Lab::new() else { return };
    let house = lab.house("");
    house.program.signal(Signal::KILL);
    house.program.ended();
    assert!(!lab.has_link("tap0"));
    // And the next one finds the place free.
    let _house = lab.house("");
    BOTH.into_iter().for_each(|to| lab.ping(to));
}

#[test]
fn usr1_prints_the_counters_while_it_runs() {
    let Some(lab) = Lab::new() else { return };
    for queues in ["--queues 1", "--queues 2"] {
        let mut house = lab.house(queues);
        for times in 1..=2 {
            lab.ping(V4);
            house.program.signal(Signal::USR1);
            let line = house.program.line_with("echo-answered");
            assert_eq!(count(&line, "echo-answered"), 3 * times, "{line}");
        }
        lab.ping(V4);
        assert_eq!(house.counted("echo-answered"), 9);
    }
}

#[test]
fn many_signals_end_it_once() {
    let Some(lab) = Lab::new() else { return };
    let house = lab.house("--queues 4");
    for signal in [Signal::USR1, Signal::USR1, Signal::TERM, Signal::INT, Signal::TERM] {
        house.program.signal(signal);
    }
    assert!(house.program.ended().status.success());
    assert!(!lab.has_link("tap0"));
}
