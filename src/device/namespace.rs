//! Network namespaces: work is done inside one without the process ever leaving its own.

use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::thread;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// A network namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Namespace {
    /// The one that the process is in.
    #[default]
    Own,
    /// The one behind this file: `/run/netns/…`, `/proc/…/ns/net`.
    At(PathBuf),
}

impl Namespace {
    /// What a user calls a namespace: a path, with a slash in it, or a name, as `ip netns` knows it.
    pub fn named(text: &str) -> Namespace {
        let path = if text.contains('/') { PathBuf::from(text) } else { PathBuf::from("/run/netns").join(text) };
        Namespace::At(path)
    }

    /// Does `work` inside the namespace, in a thread that lives only for it, because namespaces belong to
    /// threads. What it opens there goes on working everywhere.
    ///
    /// # Errors
    /// The namespace is not there, is none, or may not be entered.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, NamespaceError> {
        let Namespace::At(path) = self else {
            return Ok(work());
        };
        let refused = |errno: Errno| NamespaceError::new(self.to_string(), errno);
        let file = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).map_err(refused)?;
        let inside = || {
            move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)).map_err(refused)?;
            Ok(work())
        };
        thread::scope(|scope| {
            let thread = thread::Builder::new().spawn_scoped(scope, inside);
            let thread = thread.map_err(|why| NamespaceError::Thread(self.to_string(), why))?;
            // A panic in `work` stays a panic, as it would be without a thread.
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Namespace::Own => f.write_str("this network namespace"),
            Namespace::At(path) => write!(f, "network namespace {path:?}"),
        }
    }
}

/// Why a namespace was not entered.
#[derive(Debug, thiserror::Error)]
pub enum NamespaceError {
    /// No such file.
    #[error("{0}: there is none: make it with: ip netns add NAME")]
    Missing(String),
    /// The file or the namespace is closed to us.
    #[error("{0}: permission denied: entering a namespace takes root (CAP_SYS_ADMIN)")]
    Denied(String),
    /// A file of another kind.
    #[error("{0}: the file is no network namespace: give a name from ip netns list, or a path like /proc/PID/ns/net")]
    NotOne(String),
    /// A thread could not be started.
    #[error("{0}: cannot start a thread to enter it ({1}): raise the limit of processes")]
    Thread(String, #[source] io::Error),
    /// Anything else.
    #[error("{0}: cannot enter it ({1}): check that the file is a network namespace")]
    Failed(String, #[source] io::Error),
}

impl NamespaceError {
    fn new(namespace: String, errno: Errno) -> NamespaceError {
        match errno {
            Errno::NOENT | Errno::NOTDIR => NamespaceError::Missing(namespace),
            Errno::PERM | Errno::ACCESS => NamespaceError::Denied(namespace),
            Errno::INVAL | Errno::ISDIR => NamespaceError::NotOne(namespace),
            _ => NamespaceError::Failed(namespace, errno.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_paths() {
        assert_eq!(Namespace::named("lab"), Namespace::At("/run/netns/lab".into()));
        assert_eq!(Namespace::named("/proc/1/ns/net"), Namespace::At("/proc/1/ns/net".into()));
        assert_eq!(Namespace::named("./here"), Namespace::At("./here".into()));
    }

    #[test]
    fn what_is_none_is_said_in_a_line() {
        let line = |namespace: Namespace| namespace.enter(|| ()).unwrap_err().to_string();
        let missing = line(Namespace::named("there-is-no-such-namespace"));
        assert!(missing.contains("ip netns add"), "{missing}");
        let other = line(Namespace::At("/proc/self/status".into()));
        assert!(other.contains("\"/proc/self/status\": "), "{other}");
        assert_eq!(other.lines().count(), 1);
    }

    #[test]
    fn the_own_one_needs_no_thread() {
        let here = thread::current().id();
        assert_eq!(Namespace::Own.enter(|| thread::current().id()).unwrap(), here);
    }
}
