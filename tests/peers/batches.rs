//! Many datagrams in one frame: the host cuts and joins them with `UDP_SEGMENT` and `UDP_GRO`.

use crate::house::{BOTH, count};
use crate::lab::Lab;

fn batches(receive: &str, queues: &str) {
    let Some(lab) = Lab::new() else { return };
    let house = lab.house(queues);
    for to in BOTH {
        let told = lab.python("batches.py", &[&to.to_string(), receive]);
        println!("{to}: {told}");
        assert!(told.ends_with("all came back\n"), "{told}");
    }
    let report = house.end().stderr;
    assert!(count(&report, "datagrams-received") > 40_000, "{report}");
    assert_eq!(count(&report, "datagrams-received"), count(&report, "datagrams-in-place"), "{report}");
    // A batch is one frame, which is answered in one.
    assert!(count(&report, "frames-received") < 2_000 && count(&report, "frames-sent") < 2_000, "{report}");
}

#[test]
fn batches_of_1_to_64_datagrams_come_back_byte_for_byte() {
    batches("one", "");
}

#[test]
fn batches_come_back_to_a_socket_that_joins_them() {
    batches("joined", "");
}

#[test]
fn batches_come_back_over_two_queues() {
    batches("one", "--queues 2");
}
