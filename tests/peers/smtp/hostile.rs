//! What is meant to confuse.

use std::path::PathBuf;

use super::Office;
use crate::house::BOTH;
use crate::program::script_of_tests;

/// The payloads published in December 2023, commands behind STARTTLS, endless lines, thousands of recipients and their kin: the
/// script knows what each is to be answered.
#[test]
fn what_is_hidden_is_not_found_and_what_is_wrong_is_refused() {
    let Some(office) = Office::new() else { return };
    let house = office.house("");
    for to in BOTH {
        let mut python = script_of_tests("smtp_hostile.py");
        python.args([&to.to_string(), &office.state().join("mail").display().to_string()]);
        let told = office.lab.start(python).ended().ok();
        assert!(told.contains("all is well"), "{told}");
    }
    assert_eq!(office.leftovers(), Vec::<PathBuf>::new());
    assert!(house.end().status.success());
}

/// Where that is wished, ends of lines are mended; nothing is hidden there either.
#[test]
fn what_is_mended_hides_nothing() {
    let Some(office) = Office::new() else { return };
    let house = office.house("--mail-mend-lines");
    let mut python = script_of_tests("smtp_hostile.py");
    python.args(["10.77.0.2", &office.state().join("mail").display().to_string(), "mend"]);
    let told = office.lab.start(python).ended().ok();
    assert!(told.contains("all is well"), "{told}");
    assert!(house.end().status.success());
}
