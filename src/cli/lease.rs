//! The lease of an IPv4 address, kept over a restart: after one the same address is asked for (RFC 2131 §3.2).

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use taphouse::base::address::{Address, Family, Mac};
use taphouse::base::time::Instant;
use taphouse::run::Clock;
use taphouse::stack::Remembered;

use super::settings::Settings;

/// Where leases lie, below what we keep for ourselves.
const LEASES: &str = "leases";
/// What stands behind the address of a lease without an end, and what before the end of any other, in seconds since 1970.
const FOR_EVER: &str = "for ever";
const UNTIL: &str = "until ";

/// Keeps the lease of one Ethernet address in a file: `10.77.0.9 until 1764187000`.
pub(super) struct Ledger {
    path: PathBuf,
    folder: Dir,
    name: String,
}

impl Ledger {
    /// Opens the place where the lease is kept; `None` when none is asked for, or there is no such place, which is said.
    pub(super) fn open(settings: &Settings) -> Option<Ledger> {
        settings.auto?;
        let path = settings.state.join(LEASES);
        match Ledger::at(path.clone(), settings.mac) {
            Ok(ledger) => Some(ledger),
            Err(why) => {
                let path = path.display();
                eprintln!(
                    "taphouse: {path}: {why}: after a restart no lease is known: name a directory of yours with --state"
                );
                None
            }
        }
    }

    fn at(path: PathBuf, mac: Mac) -> io::Result<Ledger> {
        std::fs::create_dir_all(&path)?;
        let folder = Dir::open_ambient_dir(&path, ambient_authority())?;
        Ok(Ledger { path, folder, name: mac.to_string().replace(':', "-") })
    }

    /// Where it lies.
    pub(super) fn path(&self) -> &PathBuf {
        &self.path
    }

    /// The lease that was kept, if any, in the time of this clock.
    pub(super) fn read(&self, clock: Clock) -> Option<Remembered> {
        let text = self.folder.read_to_string(&self.name).ok()?;
        let (address, end) = text.trim_end().split_once(' ')?;
        let address = address.parse().ok().filter(|address: &Address| address.family() == Family::V4)?;
        let until = match end.strip_prefix(UNTIL) {
            Some(seconds) => {
                let end = UNIX_EPOCH.checked_add(Duration::from_secs(seconds.parse().ok()?))?;
                Instant::ZERO + end.duration_since(clock.began()).unwrap_or_default()
            }
            None if end == FOR_EVER => Instant::NEVER,
            None => return None,
        };
        Some(Remembered { address, until })
    }

    /// Keeps an address that is lent for so many seconds from now on, or for ever; for none, one that was given back.
    pub(super) fn keep(&self, address: Address, seconds: Option<u64>) -> io::Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let end = match seconds {
            Some(seconds) => format!("{UNTIL}{}", now.saturating_add(seconds)),
            None => FOR_EVER.to_owned(),
        };
        let beside = format!("{}.new", self.name);
        let mut file = self.folder.create(&beside)?;
        file.write_all(format!("{address} {end}\n").as_bytes())?;
        file.sync_all()?;
        self.folder.rename(&beside, &self.folder, &self.name)
    }

    /// Forgets an address that we may not have.
    pub(super) fn forget(&self, address: Address) -> io::Result<()> {
        let kept = self.folder.read_to_string(&self.name).unwrap_or_default();
        match kept.split(' ').next() == Some(address.to_string().as_str()) {
            true => self.folder.remove_file(&self.name),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_kept_with_its_end_until_it_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Ledger::at(folder.path().join("leases"), Mac::new([2, 0, 0, 0, 0, 5])).unwrap();
        let clock = Clock::new();
        let address: Address = "10.77.0.9".parse().unwrap();
        assert_eq!(open().read(clock), None);
        open().keep(address, Some(3600)).unwrap();
        let kept = open().read(clock).unwrap();
        let left = kept.until.since(clock.now()).as_secs();
        assert_eq!(kept.address, address);
        assert!((3590..=3600).contains(&left), "{left}");
        open().keep(address, None).unwrap();
        assert_eq!(open().read(clock), Some(Remembered { address, until: Instant::NEVER }));
        open().keep(address, Some(0)).unwrap();
        let given_back = open().read(clock).unwrap();
        assert!(given_back.address == address && given_back.until <= clock.now(), "only wished for");
        open().forget("10.77.0.8".parse().unwrap()).unwrap();
        assert!(open().read(clock).is_some(), "another address");
        open().forget(address).unwrap();
        assert_eq!(open().read(clock), None);
    }

    #[test]
    fn what_nobody_wrote_is_no_lease() {
        let folder = tempfile::tempdir().unwrap();
        let mac = Mac::new([2, 0, 0, 0, 0, 5]);
        let ledger = Ledger::at(folder.path().to_owned(), mac).unwrap();
        for text in [
            "",
            "10.77.0.9",
            "10.77.0.9 until",
            "10.77.0.9 until -1",
            "10.77.0.9 until 99999999999999999999",
            "fd77::9 until 1764187000",
            "x for ever",
            "10.77.0.9 for long",
        ] {
            std::fs::write(folder.path().join("02-00-00-00-00-05"), text).unwrap();
            assert_eq!(ledger.read(Clock::new()), None, "{text}");
        }
    }
}
