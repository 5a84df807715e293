//! Users, as an administrator makes them.

use std::io::Write as _;
use std::process::Stdio;

use crate::house::taphouse;

/// The hash of a password, as an administrator makes it.
pub(crate) fn hash(password: &str) -> String {
    let mut command = taphouse("password");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program runs");
    child.stdin.take().expect("it is piped").write_all(format!("{password}\n").as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("a hash is text").trim_end().to_owned()
}
