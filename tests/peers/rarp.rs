//! RARP (RFC 903): stations that ask for their own address.

use std::fs;

use crate::conflict::bridge;
use crate::house::{V4, taphouse};
use crate::lab::Lab;

#[test]
fn a_card_in_the_table_is_told_its_address_and_another_hears_nothing() {
    let Some(lab) = Lab::new() else { return };
    let folder = tempfile::tempdir().expect("a folder for the configuration");
    let file = folder.path().join("taphouse.toml");
    let table = "\
        mac = '02:00:00:00:00:05'\n\
        [[rarp]]\nmac = '02:00:00:00:00:aa'\naddress = '10.77.0.99'\n\
        [[rarp]]\nmac = '02:00:00:00:00:bb'\naddress = '10.77.0.98'\n";
    fs::write(&file, table).expect("the folder is ours");
    let house = lab.house(&format!("--config {}", file.display()));
    let ask = |asks: &str, about: &str, seconds: &str| lab.python("rarp.py", &["tap0", asks, about, seconds]);

    let own = ask("02:00:00:00:00:aa", "02:00:00:00:00:aa", "10");
    let server = "from 02:00:00:00:00:05 10.77.0.2";
    assert_eq!(own, format!("to 02:00:00:00:00:aa op 4 {server}: 02:00:00:00:00:aa is 10.77.0.99\n"));
    // RFC 903: who asks need not be who is asked about, and the answer goes to who asks.
    let other = ask("02:00:00:00:00:cc", "02:00:00:00:00:bb", "10");
    assert_eq!(other, format!("to 02:00:00:00:00:cc op 4 {server}: 02:00:00:00:00:bb is 10.77.0.98\n"));

    assert_eq!(ask("02:00:00:00:00:cc", "02:00:00:00:00:cc", "1"), "silence\n");
    lab.ping(V4);
    let report = house.end().stderr;
    assert_eq!(crate::house::count(&report, "rarp-answered"), 2, "{report}");
    assert_eq!(crate::house::count(&report, "dropped-rarp-unknown"), 1, "{report}");
}

#[test]
fn a_house_without_an_address_asks_until_it_is_told() {
    let Some(lab) = Lab::new() else { return };
    let mut program = lab.start(taphouse(&format!(
        "up --netns {} --host 10.77.0.1/16 --mac 02:00:00:00:00:06 --address rarp",
        lab.name
    )));
    program.line_with("taphouse: tap0: asking over RARP for our address");
    let questions = lab.python("rarpd.py", &["tap0", "02:00:00:00:00:06", "10.77.0.66", "2"]);
    assert_eq!(questions, "3 questions\n");
    assert_eq!(program.line_with("ready "), "ready tap0 10.77.0.66 fe80::ff:fe00:6");
    lab.ping("10.77.0.66".parse().expect("an address"));
    program.signal(rustix::process::Signal::TERM);
    let ended = program.ended();
    assert!(ended.status.success() && ended.stderr.contains("addresses  10.77.0.66/16, fe80::"), "{ended:?}");
}

#[test]
fn a_house_tells_another_house_its_address() {
    let Some(lab) = Lab::new() else { return };
    bridge(&lab);
    let folder = tempfile::tempdir().expect("a folder for the configuration");
    let file = folder.path().join("taphouse.toml");
    fs::write(&file, "[[rarp]]\nmac = '02:00:00:00:00:06'\naddress = '10.77.0.66'\n").expect("the folder is ours");
    let _server = lab.house(&format!("--config {} --tap tapa --no-host --no-probe", file.display()));
    let client = lab.house("--tap tapb --no-host --mac 02:00:00:00:00:06 --address rarp");
    assert_eq!(client.ready, "ready tapb 10.77.0.66 fe80::ff:fe00:6");
    lab.ping("10.77.0.66".parse().expect("an address"));
    // Who finds no server ends as he is told.
    drop(client);
    drop(_server);
    let mut lonely = lab.start(taphouse(&format!("up --netns {} --tap tapb --no-host --address rarp", lab.name)));
    lonely.line_with("asking over RARP");
    lonely.signal(rustix::process::Signal::TERM);
    let ended = lonely.ended();
    assert!(ended.status.success() && ended.stdout.is_empty(), "{ended:?}");
}
