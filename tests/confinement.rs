//! What a confined process can do, and what it is refused. Confinement cannot be undone, so each test runs itself once
//! more in a process of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs, io, thread};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};
use rustix::fs::MemfdFlags;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType, socket};
use rustix::process::{Signal, getpid, kill_process};
use rustix::thread::{CapabilitySet, LinkNameSpaceType, capabilities, move_into_link_name_space, set_no_new_privs};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};
use taphouse::device::Waker;
use taphouse::run::{Confinement, Held, confine};

const INSIDE: &str = "TAPHOUSE_CONFINED";

/// Runs `inside`, behind the door, in a process of its own.
fn in_a_process(inside: impl FnOnce()) {
    if env::var_os(INSIDE).is_some() {
        return inside();
    }
    let test = thread::current().name().expect("a test's thread has the test's name").to_owned();
    let program = env::current_exe().expect("the test's own program is a file");
    // It could not remove its own files.
    let folder = tempfile::tempdir().expect("a folder");
    let again = Command::new(program)
        .args(["--exact", &test, "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .env("TMPDIR", folder.path())
        .stdin(Stdio::null())
        .output()
        .expect("the test's own program runs");
    let text = String::from_utf8_lossy(&[again.stdout, again.stderr].concat()).into_owned();
    assert!(again.status.success() && text.contains("1 passed"), "{text}");
}

/// Says what the kernel here cannot; what it can is tested.
#[track_caller]
fn assert_confined(confined: &Confinement) {
    println!("{confined}");
    assert_eq!(confined.capabilities, Held::Fully);
    assert_eq!(confined.system_calls, Held::Fully);
}

#[track_caller]
fn assert_refused<T>(result: Result<T, impl Into<io::Error>>) {
    let why = result.err().map(Into::into).expect("it is refused");
    assert_eq!(why.kind(), io::ErrorKind::PermissionDenied, "{why}");
}

#[test]
fn what_the_loop_does_goes_on() {
    in_a_process(|| {
        let waker = Waker::new().expect("an eventfd");
        let file = tempfile::tempfile().expect("a file that is open before");
        assert_confined(&confine(&[]));
        // Threads, with all that they need, and memory.
        let woken = waker.clone();
        let summed = thread::spawn(move || {
            woken.wake();
            vec![1u8; 64 << 20].iter().map(|byte| u64::from(*byte)).sum::<u64>()
        });
        assert_eq!(summed.join().expect("a thread runs"), 64 << 20);
        waker.wait(std::time::Duration::from_secs(10)).expect("it was woken");
        io::Write::write_all(&mut &file, b"what is open stays open").expect("a file that is open is written");
        thread::sleep(std::time::Duration::from_millis(1));
        let panicked = thread::spawn(|| panic!("as the test wants it")).join();
        assert!(panicked.is_err(), "a panic unwinds");
    });
}

#[test]
fn everything_else_is_refused() {
    in_a_process(|| {
        let namespace = fs::File::open("/proc/self/ns/net").expect("our own namespace");
        assert_confined(&confine(&[]));
        assert_refused(fs::read("/proc/self/status"));
        assert_refused(fs::write("/tmp/taphouse-must-not-write-this", b""));
        assert_refused(fs::remove_file("/tmp/taphouse-must-not-remove-this"));
        assert_refused(fs::read_dir("/"));
        assert_refused(env::set_current_dir("/"));
        assert_refused(Command::new("true").spawn());
        for family in [AddressFamily::INET, AddressFamily::INET6, AddressFamily::UNIX, AddressFamily::NETLINK] {
            assert_refused(socket(family, SocketType::DGRAM, None));
        }
        assert_refused(kill_process(getpid(), Signal::CONT));
        assert_refused(move_into_link_name_space(
            std::os::fd::AsFd::as_fd(&namespace),
            Some(LinkNameSpaceType::Network),
        ));
        assert_refused(rustix::fs::memfd_create("code", MemfdFlags::CLOEXEC));
        assert_refused(set_no_new_privs(false));
        assert_refused(thread::spawn(|| fs::read("/etc/passwd")).join().expect("a thread runs"));
    });
}

#[test]
fn no_capability_is_left() {
    in_a_process(|| {
        let before = capabilities(None).expect("a thread may look at itself");
        println!("before: {:?}", before.effective);
        assert_confined(&confine(&[]));
        // capget is not among the calls of the loop, and /proc cannot be opened: the filter hides even that.
        assert_eq!(capabilities(None).map(|sets| sets.effective), Err::<CapabilitySet, _>(Errno::PERM));
    });
}

#[test]
fn files_below_the_folders_that_were_named_can_be_used() {
    in_a_process(|| {
        let folder = tempfile::tempdir().expect("a folder").keep();
        let outside = tempfile::NamedTempFile::new().expect("a file elsewhere");
        let confined = confine(std::slice::from_ref(&folder));
        assert_confined(&confined);
        use_files(&folder);
        assert_refused(socket(AddressFamily::INET, SocketType::DGRAM, None));
        if confined.files == Held::Fully {
            assert_refused(fs::read(outside.path()));
            assert_refused(fs::write(folder.join("..").join("taphouse-must-not-write-this"), b""));
            assert_refused(fs::read("/proc/self/status"));
        }
        fs::remove_dir_all(&folder).expect_err("the folder itself is not below itself");
        assert_eq!(fs::read_dir(&folder).expect("it can be listed").count(), 0);
    });
}

/// What storage threads do, as they do it.
#[test]
fn a_folder_that_was_opened_before_can_be_used_by_threads() {
    in_a_process(|| {
        let path = tempfile::tempdir().expect("a folder").keep();
        std::os::unix::fs::symlink("/etc/passwd", path.join("out")).expect("a link");
        let folder = Dir::open_ambient_dir(&path, ambient_authority()).expect("it can be opened");
        assert_confined(&confine(std::slice::from_ref(&path)));
        thread::spawn(move || use_folder(&folder)).join().expect("all of it is allowed");
    });
}

/// An outer filter plays the older kernel, as a container might.
#[test]
fn what_the_kernel_has_not_is_said_and_not_fatal() {
    in_a_process(|| {
        let refuse = |call: i64, errno: i32| {
            let (rules, errno) = (BTreeMap::from([(call, Vec::new())]), SeccompAction::Errno(errno as u32));
            let arch = env::consts::ARCH.try_into().expect("seccomp works here");
            let filter = SeccompFilter::new(rules, SeccompAction::Allow, errno, arch).expect("a filter of one call");
            let program: BpfProgram = filter.try_into().expect("it can be compiled");
            apply_filter(&program).expect("seccomp works here");
        };
        refuse(libc::SYS_landlock_create_ruleset, libc::ENOSYS);
        refuse(libc::SYS_capset, libc::EPERM);
        refuse(libc::SYS_seccomp, libc::ENOSYS);
        let confined = confine(&[]);
        println!("{confined}");
        assert!(matches!(confined.capabilities, Held::Not(_)), "{confined:?}");
        assert_eq!(confined.files, Held::Not("this kernel has no landlock".to_owned()));
        assert!(matches!(confined.system_calls, Held::Not(_)), "{confined:?}");
        assert_eq!(confined.to_string().lines().count(), 1);
        fs::read("/proc/self/status").expect("the process goes on as it was");
    });
}

fn use_files(folder: &Path) {
    let name = |name: &str| -> PathBuf { folder.join(name) };
    fs::create_dir(name("new")).expect("a folder can be made");
    fs::write(name("new/file"), b"content").expect("a file can be written");
    fs::rename(name("new/file"), name("file")).expect("a file can be renamed");
    assert_eq!(fs::read(name("file")).expect("a file can be read"), b"content");
    fs::File::open(name("file")).and_then(|file| file.sync_all()).expect("a file can be put on the disk");
    fs::remove_file(name("file")).expect("a file can be removed");
    fs::remove_dir(name("new")).expect("a folder can be removed");
}

fn use_folder(folder: &Dir) {
    folder.create_dir("new").expect("a folder can be made");
    let mut options = OpenOptions::new();
    let mut file = folder
        .open_with("new/file", options.write(true).create_new(true).custom_flags(libc::O_NONBLOCK))
        .expect("a file can be made");
    io::Write::write_all(&mut file, b"content").expect("a file can be written");
    file.sync_all().expect("a file can be put on the disk");
    file.set_len(3).expect("a file can be cut");
    folder.rename("new/file", folder, "file").expect("a file can be renamed");
    folder.open_dir("new").and_then(|new| new.open(".")?.sync_all()).expect("names can be put on the disk");
    assert_eq!(folder.read("file").expect("a file can be read"), b"con");
    assert_eq!(folder.metadata("file").expect("a file can be looked at").len(), 3);
    assert!(folder.dir_metadata().and_then(|metadata| metadata.modified()).is_ok());
    let names = folder.try_clone().and_then(|folder| folder.entries()).expect("a folder can be listed");
    let looked_at = names.map(|name| name.and_then(|name| name.metadata()));
    assert_eq!(looked_at.collect::<Result<Vec<_>, _>>().expect("each can be looked at").len(), 3);
    folder.remove_file("file").expect("a file can be removed");
    folder.remove_dir("new").expect("a folder can be removed");
    assert_refused(folder.read("out"));
    assert_refused(folder.read("../outside"));
}
