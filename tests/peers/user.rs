//! A user without any rights, who has a TAP.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::house::House;
use crate::lab::Lab;
use crate::program::command;

/// Nobody in particular.
pub(crate) const USER: u32 = 12_345;

/// A folder with a copy of the program: that of the build may be closed to others.
pub(crate) struct User {
    folder: tempfile::TempDir,
}

impl User {
    pub(crate) fn new() -> User {
        let folder = tempfile::tempdir().expect("a folder for the program");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("the folder is ours");
        fs::copy(env!("CARGO_BIN_EXE_taphouse"), folder.path().join("taphouse")).expect("a copy of the program");
        User { folder }
    }

    /// The program as that user, in a mount namespace in which everybody may open the driver, as on most machines.
    pub(crate) fn taphouse(&self, arguments: &str) -> Command {
        let script = format!(
            "mount -t tmpfs tmpfs /dev/net && mknod -m 666 /dev/net/tun c 10 200 || exit 99
             exec setpriv --reuid {USER} --regid {USER} --clear-groups {}/taphouse {arguments}",
            self.folder.path().display()
        );
        let mut shell = command("unshare --mount -- sh -c");
        shell.arg(script);
        shell
    }

    /// It is in the lab's namespace already, which no user may enter.
    #[track_caller]
    pub(crate) fn house(&self, lab: &Lab, arguments: &str) -> House {
        lab.house_from(self.taphouse(&format!("up {arguments}")))
    }
}

impl Lab {
    /// `tap0`, made for the user, with the host's side as the program would have prepared it.
    pub(crate) fn tap_of_a_user(&self) {
        self.ip(&format!("tuntap add dev tap0 mode tap user {USER}"));
        self.ip("link set tap0 up");
        self.ip("address add 10.77.0.1/24 dev tap0");
        self.ip("address add fd77::1/64 dev tap0 nodad");
    }
}
