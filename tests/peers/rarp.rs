//! RARP (RFC 903): stations that ask for their own address.

use std::fs;

use crate::house::V4;
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
