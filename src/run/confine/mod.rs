//! Confinement: what the process gives up once everything is open, so that a mistake in a parser is worth little to who
//! finds it.
//!
//! # Theory of operation
//!
//! Capabilities, landlock domains and seccomp filters belong to threads and are inherited. So [`confine`] is called in
//! the main thread, after everything was opened and before any other thread is started, and holds for all of them. The
//! order matters: the bounding set can only be emptied by who has CAP_SETPCAP, a domain or filter only be entered by who
//! can gain no privileges, and nothing else is possible behind the filter.
//!
//! What the kernel does not know, or what a container forbids, is told by the [`Confinement`] that is returned. It is no
//! reason not to serve: without it the process is where it was.
//!
//! Read first: capabilities(7), landlock(7), seccomp(2), `PR_SET_NO_NEW_PRIVS` in prctl(2).

mod system_calls;

use std::fmt;
use std::path::PathBuf;

use landlock::{
    ABI, Access, AccessFs, AccessNet, RestrictionStatus, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError,
    RulesetStatus, Scope, path_beneath_rules,
};
use rustix::io::Errno;
use rustix::thread::{
    CapabilitySet, CapabilitySets, clear_ambient_capability_set, remove_capability_from_bounding_set, set_capabilities,
    set_no_new_privs,
};

/// Gives up everything but reading and writing what is open already, and the files below `folders`.
///
/// To be called before any thread is started: those that run are not confined.
pub fn confine(folders: &[PathBuf]) -> Confinement {
    Confinement {
        capabilities: drop_capabilities(),
        files: deny_files(folders),
        folders: folders.len(),
        system_calls: system_calls::filter(!folders.is_empty()),
    }
}

/// What holds of the process from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confinement {
    /// No capability is left, and none can be gained.
    pub capabilities: Held,
    /// No file can be opened but below the folders that were named; no TCP socket can be bound or connected.
    pub files: Held,
    /// How many folders were named.
    pub folders: usize,
    /// No system call can be made but those of the loop.
    pub system_calls: Held,
}

/// How far something holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// As it is described.
    Fully,
    /// In part, for this reason.
    Partly(String),
    /// Not at all, for this reason.
    Not(String),
}

impl fmt::Display for Confinement {
    /// One line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Confinement { capabilities, files, folders, system_calls } = self;
        let no_files = match folders {
            0 => "no files",
            1 => "files below 1 folder",
            _ => "files below some folders",
        };
        let all = [
            ("capabilities", "no capabilities", capabilities),
            ("files", no_files, files),
            ("system calls", "few system calls", system_calls),
        ];
        for (number, (of, what, held)) in all.into_iter().enumerate() {
            let comma = if number == 0 { "" } else { ", " };
            match held {
                Held::Fully => write!(f, "{comma}{what}")?,
                Held::Partly(why) => write!(f, "{comma}{what} ({why})")?,
                Held::Not(why) => write!(f, "{comma}{of} NOT confined ({why})")?,
            }
        }
        Ok(())
    }
}

/// Empties every set of capabilities.
fn drop_capabilities() -> Held {
    let none = CapabilitySet::empty();
    let all = CapabilitySets { effective: none, permitted: none, inheritable: none };
    let bounding = empty_bounding_set();
    let ambient = clear_ambient_capability_set();
    match (set_capabilities(None, all).and(ambient), set_no_new_privs(true), bounding) {
        (Err(errno), ..) => Held::Not(format!("the kernel keeps them: {errno}")),
        (_, Err(errno), _) => Held::Partly(format!("new ones could be gained: {errno}")),
        // Who has none cannot lower the bound either, and needs not: without new privileges nothing goes up to it.
        (.., Err(Errno::PERM)) | (.., Ok(())) => Held::Fully,
        (.., Err(errno)) => Held::Partly(format!("the bounding set stays: {errno}")),
    }
}

fn empty_bounding_set() -> Result<(), Errno> {
    for number in 0..u64::BITS {
        // The ones that this library has no name for, too.
        match remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << number)) {
            Ok(()) => {}
            // Beyond the last one that the kernel has.
            Err(Errno::INVAL) => break,
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// Enters a landlock domain in which only what is below `folders` can be opened. What is open stays usable.
fn deny_files(folders: &[PathBuf]) -> Held {
    // Kernels before this one know less; the crate leaves out what they do not know, and says so.
    const KNOWN: ABI = ABI::V6;
    let enter = || -> Result<RestrictionStatus, RulesetError> {
        Ruleset::default()
            .handle_access(AccessFs::from_all(KNOWN))?
            .handle_access(AccessNet::from_all(KNOWN))?
            .scope(Scope::from_all(KNOWN))?
            .create()?
            .add_rules(path_beneath_rules(folders, AccessFs::from_all(KNOWN)))?
            .restrict_self()
    };
    match enter() {
        Ok(RestrictionStatus { ruleset: RulesetStatus::FullyEnforced, .. }) => Held::Fully,
        Ok(RestrictionStatus { ruleset: RulesetStatus::PartiallyEnforced, .. }) => {
            Held::Partly("this kernel's landlock is older".to_owned())
        }
        Ok(_) => Held::Not("this kernel has no landlock".to_owned()),
        Err(why) => Held::Not(format!("landlock: {why}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_says_what_holds() {
        let mut confinement =
            Confinement { capabilities: Held::Fully, files: Held::Fully, folders: 0, system_calls: Held::Fully };
        assert_eq!(confinement.to_string(), "no capabilities, no files, few system calls");
        confinement.files = Held::Not("this kernel has no landlock".to_owned());
        confinement.folders = 1;
        confinement.system_calls = Held::Partly("nearly".to_owned());
        let line = "no capabilities, files NOT confined (this kernel has no landlock), few system calls (nearly)";
        assert_eq!(confinement.to_string(), line);
    }
}
