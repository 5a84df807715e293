//! Peers that are programs in other languages: built from `benches/peers` where the system has their libraries, and handed
//! an open TAP.

use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::io::{FdFlags, fcntl_setfd};
use taphouse::base::address::{Cidr, Mac};

use crate::contender::Wire;
use crate::lab::Failure;
use crate::spin::SPIN;

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers");
const PROGRAMS: &str = env!("CARGO_TARGET_TMPDIR");
/// Where Debian keeps the sources of Go libraries.
const GO_LIBRARIES: &str = "/usr/share/gocode";

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    Lwip,
    Gvisor,
}

impl Peer {
    /// What there may be to build, with the Debian packages that it takes.
    pub(crate) const ALL: [(Peer, &str); 2] =
        [(Peer::Lwip, "gcc, liblwip-dev"), (Peer::Gvisor, "golang-go, golang-gvisor-gvisor-dev")];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Peer::Lwip => "lwIP",
            Peer::Gvisor => "gVisor",
        }
    }

    fn program(self) -> PathBuf {
        Path::new(PROGRAMS).join(self.name())
    }

    /// Builds it. Its compiler says why it cannot.
    pub(crate) fn build(self) -> Result<(), Failure> {
        let (source, program) = (Path::new(SOURCES), self.program());
        let mut compiler = match self {
            Peer::Lwip => {
                let mut compiler = Command::new("cc");
                compiler
                    .args(["-O2", "-I/usr/include/lwip", "-o"])
                    .arg(&program)
                    .arg(source.join("lwip.c"))
                    .arg("-llwip");
                compiler
            }
            Peer::Gvisor => {
                let mut compiler = Command::new("go");
                compiler.env("GO111MODULE", "off").env("GOPATH", GO_LIBRARIES).args(["build", "-o"]).arg(&program);
                compiler.env("GOCACHE", Path::new(PROGRAMS).join("go")).arg(source.join("gvisor.go"));
                compiler
            }
        };
        let output = compiler.output()?;
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into()) }
    }

    /// Becomes it, at the end of this TAP.
    pub(crate) fn run(self, tap: impl AsFd, mac: Mac, own: Cidr, wire: Wire) -> Result<(), Failure> {
        fcntl_setfd(&tap, FdFlags::empty())?;
        let last = match (self, wire) {
            (Peer::Lwip, _) => SPIN.as_micros().to_string(),
            (Peer::Gvisor, Wire::Plain) => "plain".to_owned(),
            (Peer::Gvisor, _) => "offload".to_owned(),
        };
        let (descriptor, length) = (tap.as_fd().as_raw_fd().to_string(), own.length().to_string());
        let words = [descriptor, mac.to_string(), own.address().to_string(), length, last];
        Err(Command::new(self.program()).args(words).exec().into())
    }
}

/// Builds all of them. A line about each of those that there are not.
pub(crate) fn build() -> (Vec<Peer>, Vec<String>) {
    let (mut built, mut missing) = (Vec::new(), Vec::new());
    for (peer, packages) in Peer::ALL {
        match peer.build() {
            Ok(()) => built.push(peer),
            Err(why) => {
                eprintln!("{} is left out: {why}", peer.name());
                missing.push(format!("{} is not installed (Debian packages {packages})", peer.name()));
            }
        }
    }
    (built, missing)
}
