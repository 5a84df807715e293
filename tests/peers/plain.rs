//! The plain device, where it differs from the other.

use crate::house::{BOTH, V4, count};
use crate::lab::Lab;
use crate::program::script_of_tests;

/// Every program before us may have left it so: without `virtio_net_hdr` nothing would tell of it.
#[test]
fn offloads_that_another_left_on_a_tap_are_switched_off() {
    let Some(lab) = Lab::new() else { return };
    lab.ip("tuntap add dev tap0 mode tap");
    assert!(lab.house("--device offload").end().status.success());
    let house = lab.house("--device plain");
    for to in BOTH {
        lab.ping(to);
        let told = lab.python("batches.py", &[&to.to_string(), "one"]);
        assert!(told.ends_with("all came back\n"), "{told}");
    }
    let report = house.end().stderr;
    assert!(count(&report, "datagrams-received") > 40_000, "{report}");
    assert!(!report.contains("checksum"), "{report}");
    assert!(count(&report, "frames-received") > 40_000, "every datagram is a frame of its own: {report}");
}

#[test]
fn where_the_kernel_refuses_offloads_auto_falls_back_and_says_so() {
    let Some(lab) = Lab::new() else { return };
    let sandboxed = |arguments: &str| {
        let mut python = script_of_tests("without_header.py");
        python.arg(env!("CARGO_BIN_EXE_taphouse")).args(["up", "--netns", &lab.name]);
        python.args(arguments.split_whitespace());
        python
    };
    let house = lab.house_from(sandboxed(""));
    BOTH.into_iter().for_each(|to| lab.ping(to));
    let ended = house.end();
    assert!(ended.status.success(), "{ended:?}");
    let said: Vec<&str> = ended.stderr.lines().filter(|line| line.starts_with("taphouse: ")).collect();
    let told = "taphouse: tap0: the kernel refuses virtio_net_hdr (Invalid argument (os error 22)): \
                going on as with --device plain";
    assert_eq!(said, [told], "{ended:?}");
    assert!(!lab.has_link("tap0"));

    for arguments in ["--device offload", "--queues 2"] {
        let ended = lab.start(sandboxed(arguments)).ended();
        assert_eq!((ended.status.code(), ended.stderr.lines().count()), (Some(1), 1), "{ended:?}");
        assert!(ended.stderr.contains("use --device plain and one queue"), "{ended:?}");
    }
}

#[test]
fn what_it_cannot_be_attached_to_is_refused_in_one_line() {
    let Some(lab) = Lab::new() else { return };
    lab.ip("tuntap add dev tun0 mode tun");
    lab.ip("tuntap add dev many mode tap multi_queue");
    for name in ["lo", "tun0", "many"] {
        let ended = lab.refused(&format!("--device plain --tap {name}"));
        assert_eq!((ended.status.code(), ended.stderr.lines().count()), (Some(1), 1), "{ended:?}");
        assert!(ended.stderr.contains("no TAP, or one with several queues"), "{ended:?}");
    }
    let _house = lab.house("--device plain");
    let ended = lab.refused("--device plain --address 10.77.0.3/24");
    assert!(ended.stderr.starts_with("taphouse: tap0: busy: "), "{ended:?}");
    lab.ping(V4);
}
