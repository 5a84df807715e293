//! Who may log in, for every protocol that asks: names, hashes of passwords, homes, and who guessed wrong.
//!
//! A password is compared by a storage thread ([`Work::Verify`](super::Work::Verify)), for that is made to take long. A name
//! that there is not costs as much as one that there is, and is answered alike (RFC 2577 §6). Whoever is wrong waits, longer
//! each time, and as an address, so that more connections do not help (RFC 2577 §5).

use std::collections::HashMap;
use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::{self, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Argon2, Params};

use super::Folder;
use crate::base::address::{Address, Family};
use crate::base::limits;
use crate::base::time::Instant;

/// A password's hash as a PHC string, of argon2 and within [`limits::PASSWORD_MEMORY`] and its kin.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

/// Why a text is not the hash of a password that we can compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadHash {
    /// It is no PHC string of argon2.
    #[error("is no argon2 hash")]
    Unreadable,
    /// It wants more memory or time than one login may have.
    #[error("wants more than {} MiB, {} passes or {} lanes", limits::PASSWORD_MEMORY >> 10, limits::PASSWORD_PASSES, limits::PASSWORD_LANES)]
    TooMuch,
}

impl PasswordHash {
    /// Hashes a password with argon2id, 19 MiB and two passes. The salt is to be random.
    ///
    /// # Errors
    /// The password is longer than argon2 takes.
    pub fn of(password: &[u8], salt: &[u8; 16]) -> Result<PasswordHash, password_hash::Error> {
        let salt = SaltString::encode_b64(salt)?;
        Ok(PasswordHash(Argon2::default().hash_password(password, &salt)?.to_string()))
    }

    /// Whether it is this password's. Takes as long as it takes, and the memory that the hash says.
    fn is_of(&self, password: &[u8]) -> bool {
        // It was read once already.
        password_hash::PasswordHash::new(&self.0)
            .is_ok_and(|hash| Argon2::default().verify_password(password, &hash).is_ok())
    }
}

impl FromStr for PasswordHash {
    type Err = BadHash;

    fn from_str(text: &str) -> Result<PasswordHash, BadHash> {
        let hash = password_hash::PasswordHash::new(text).map_err(|_| BadHash::Unreadable)?;
        argon2::Algorithm::try_from(hash.algorithm).map_err(|_| BadHash::Unreadable)?;
        let params = Params::try_from(&hash).map_err(|_| BadHash::Unreadable)?;
        if hash.salt.is_none() || hash.hash.is_none() {
            return Err(BadHash::Unreadable);
        }
        let fits = params.m_cost() <= limits::PASSWORD_MEMORY
            && params.t_cost() <= limits::PASSWORD_PASSES
            && params.p_cost() <= limits::PASSWORD_LANES;
        if fits { Ok(PasswordHash(text.to_owned())) } else { Err(BadHash::TooMuch) }
    }
}

impl fmt::Display for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PasswordHash {
    /// Not the hash itself: logs are read by more people than configurations.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// The directory of a user, below the root of all files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Home(Vec<String>);

/// A path that is no home: absolute, with `..` or control characters in it, or not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no path below the root")]
pub struct BadHome;

impl FromStr for Home {
    type Err = BadHome;

    fn from_str(text: &str) -> Result<Home, BadHome> {
        let mut parts = Vec::new();
        for part in Path::new(text).components() {
            match part {
                Component::Normal(part) => parts.push(part.to_str().ok_or(BadHome)?.to_owned()),
                Component::CurDir => {}
                Component::ParentDir | Component::RootDir | Component::Prefix(_) => return Err(BadHome),
            }
        }
        let readable = !text.is_empty() && !text.chars().any(char::is_control);
        if readable { Ok(Home(parts)) } else { Err(BadHome) }
    }
}

impl Home {
    /// Its parts; none: the root itself.
    pub fn parts(&self) -> &[String] {
        &self.0
    }

    /// The path below the root.
    pub fn path(&self) -> PathBuf {
        self.0.iter().collect()
    }
}

/// One who may log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The name.
    pub name: String,
    /// The password's hash.
    pub password: Arc<PasswordHash>,
    /// The home below the root.
    pub home: Home,
    /// The same, as it was opened.
    pub folder: Folder,
}

/// All who may log in.
#[derive(Clone, Debug, Default)]
pub struct Accounts(Vec<Account>);

impl Accounts {
    /// These; no name twice.
    pub fn new(accounts: Vec<Account>) -> Accounts {
        Accounts(accounts)
    }

    /// Whose name that is.
    pub fn find(&self, name: &[u8]) -> Option<&Account> {
        self.0.iter().find(|account| account.name.as_bytes() == name)
    }

    /// What a storage thread is to be asked when somebody says a name and a password; `None`: nobody may log in at all.
    pub fn verification(&self, name: &[u8], password: &[u8]) -> Option<Verification> {
        let account = self.find(name);
        // A stranger's password is compared, too, so that it takes as long.
        let hash = account.or(self.0.first())?.password.clone();
        Some(Verification { hash, known: account.is_some(), password: password.to_vec() })
    }

    /// Whether a path below the root is a user's alone: it lies in a home, or a home lies in it.
    pub fn keep(&self, path: &[String]) -> Keeping {
        let homes = || self.0.iter().map(|account| account.home.parts()).filter(|home| !home.is_empty());
        if homes().any(|home| path.starts_with(home)) {
            Keeping::Private
        } else if homes().any(|home| home.starts_with(path)) {
            Keeping::Above
        } else {
            Keeping::Public
        }
    }
}

/// What others may do with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// As they may anywhere.
    Public,
    /// Look, but not move it: a home lies in it.
    Above,
    /// Nothing: it is a home, or in one.
    Private,
}

/// A password and the hash that it is compared with.
#[derive(Clone)]
pub struct Verification {
    hash: Arc<PasswordHash>,
    known: bool,
    password: Vec<u8>,
}

impl Verification {
    /// Whether it is right. Takes about 20 ms: not for a loop.
    pub fn holds(&self) -> bool {
        let right = self.hash.is_of(&self.password);
        right && self.known
    }
}

/// Who said wrong passwords lately.
#[derive(Debug, Default)]
pub struct Attempts {
    wrong: HashMap<Address, Wrong>,
}

#[derive(Clone, Copy, Debug)]
struct Wrong {
    count: u32,
    last: Instant,
}

impl Attempts {
    /// Somebody said a wrong password: how long the answer is to take.
    pub fn fail(&mut self, who: Address, now: Instant) -> Duration {
        let who = household(who);
        if self.wrong.len() >= limits::PASSWORD_GUESSERS && !self.wrong.contains_key(&who) {
            let oldest = self.wrong.iter().min_by_key(|(_, wrong)| wrong.last).map(|(who, _)| *who);
            oldest.map(|oldest| self.wrong.remove(&oldest));
        }
        let count = self.count(who, now) + 1;
        self.wrong.insert(who, Wrong { count, last: now });
        (limits::PASSWORD_DELAY * (1 << (count - 1).min(8))).min(limits::PASSWORD_DELAY_MOST)
    }

    /// Whether somebody was wrong so often that no password is compared any more for now.
    pub fn are_too_many(&self, who: Address, now: Instant) -> bool {
        self.count(household(who), now) >= limits::PASSWORD_GUESSES
    }

    /// Wrong passwords, one less for each [`limits::PASSWORD_FORGIVEN`] that went by.
    fn count(&self, who: Address, now: Instant) -> u32 {
        let Some(wrong) = self.wrong.get(&who) else { return 0 };
        let forgiven = now.since(wrong.last).as_nanos() / limits::PASSWORD_FORGIVEN.as_nanos();
        wrong.count.saturating_sub(u32::try_from(forgiven).unwrap_or(u32::MAX))
    }
}

/// Of IPv6 everybody has 2⁶⁴ addresses.
fn household(address: Address) -> Address {
    match address.family() {
        Family::V4 => address,
        Family::V6 => {
            let mut bytes = address.to_v6();
            bytes[8..].fill(0);
            Address::from_v6(bytes)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str, password: &str, home: &str) -> Account {
        let password = Arc::new(PasswordHash::of(password.as_bytes(), &[7; 16]).unwrap());
        Account { name: name.to_owned(), password, home: home.parse().unwrap(), folder: Folder(1) }
    }

    #[test]
    fn the_right_password_holds_and_no_other() {
        let accounts = Accounts::new(vec![account("alice", "secret", "alice")]);
        let holds = |name: &str, password: &str| {
            accounts.verification(name.as_bytes(), password.as_bytes()).is_some_and(|one| one.holds())
        };
        assert!(holds("alice", "secret"));
        assert!(!holds("alice", "Secret") && !holds("alice", "") && !holds("bob", "secret"));
        assert!(Accounts::default().verification(b"alice", b"secret").is_none());
    }

    #[test]
    fn a_hash_that_asks_for_everything_is_none() {
        let hash = |params: &str| {
            let text = format!("$argon2id$v=19${params}$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b4dWRWJTmaaJObG");
            text.parse::<PasswordHash>()
        };
        assert!(hash("m=19456,t=2,p=1").is_ok() && hash("m=65536,t=3,p=4").is_ok());
        assert_eq!(hash("m=100000000,t=2,p=1"), Err(BadHash::TooMuch));
        assert_eq!(hash("m=19456,t=4000000000,p=1"), Err(BadHash::TooMuch));
        assert_eq!(hash("m=19456,t=2,p=2000"), Err(BadHash::TooMuch));
        for text in ["", "secret", "$argon2id$v=19$m=19456,t=2,p=1", "$2y$05$abcdefghijklmnopqrstuv"] {
            assert_eq!(text.parse::<PasswordHash>(), Err(BadHash::Unreadable), "{text}");
        }
    }

    #[test]
    fn homes_lie_below_the_root_and_are_nobody_elses() {
        for bad in ["", "/etc", "..", "a/../b", "a\nb"] {
            assert_eq!(bad.parse::<Home>(), Err(BadHome), "{bad}");
        }
        let accounts = Accounts::new(vec![account("alice", "1", "homes/alice"), account("root", "2", ".")]);
        let keep = |path: &str| accounts.keep(&path.split('/').map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(keep("homes/alice"), Keeping::Private);
        assert_eq!(keep("homes/alice/letter"), Keeping::Private);
        assert_eq!(keep("homes"), Keeping::Above);
        assert_eq!((keep("homes/bob"), keep("alice")), (Keeping::Public, Keeping::Public));
    }

    #[test]
    fn who_guesses_waits_longer_each_time_and_is_forgiven() {
        let mut attempts = Attempts::default();
        let address = |last: u16| {
            let mut bytes = [0xfd; 16];
            bytes[14..].copy_from_slice(&last.to_be_bytes());
            Address::from_v6(bytes)
        };
        let now = Instant::from_millis(1000);
        // Each from another address of one network.
        let waits: Vec<_> = (0..limits::PASSWORD_GUESSES).map(|n| attempts.fail(address(n as u16), now)).collect();
        assert_eq!(waits[..3], [1, 2, 4].map(Duration::from_secs));
        assert!(waits.iter().all(|wait| *wait <= limits::PASSWORD_DELAY_MOST));
        assert!(attempts.are_too_many(address(0), now));
        assert!(!attempts.are_too_many(Address::from_v4([10, 0, 0, 1]), now));
        assert!(!attempts.are_too_many(address(0), now + limits::PASSWORD_FORGIVEN));
        for last in 0..3 * limits::PASSWORD_GUESSERS as u32 {
            attempts.fail(Address::from_v4(last.to_be_bytes()), now);
        }
        assert_eq!(attempts.wrong.len(), limits::PASSWORD_GUESSERS);
    }
}
