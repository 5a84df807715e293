//! What the user hears of our addresses: that they are ours, contested or lost.

use std::io::{self, Write};

use anyhow::{Result, anyhow};
use crossbeam_channel::Receiver;
use taphouse::base::address::{Address, Cidr};
use taphouse::base::limits;
use taphouse::run::Handle;
use taphouse::stack::{Asked, Notice, Start};

use super::card;
use super::lease::Ledger;
use super::settings::Settings;

/// Why it takes a while until we are ready, for stderr; nothing when it does not.
pub(super) fn before(settings: &Settings, start: Start) -> Option<String> {
    let tap = &settings.tap;
    if settings.auto.is_some() {
        Some(format!("taphouse: {tap}: asking routers and DHCP servers for our addresses"))
    } else if settings.ask_rarp {
        Some(format!("taphouse: {tap}: asking over RARP for our address"))
    } else if start == Start::Probed {
        Some(format!(
            "taphouse: {tap}: asking for some seconds whether others have our addresses (--no-probe: use them at once)"
        ))
    } else {
        None
    }
}

/// Prints what the shards tell until all of them have ended: the card and the ready line when every one of them is ready.
/// When it ends with an error, so do the shards.
///
/// # Errors
/// No address is left, or stdout is closed.
pub(super) fn listen(
    settings: &Settings,
    card: &(dyn Fn(&Settings) -> String + Sync),
    ledger: Option<&Ledger>,
    handles: &[Handle],
    notices: &Receiver<Notice>,
) -> Result<()> {
    let (addresses, waiting, told) = (settings.addresses.clone(), handles.len(), Vec::new());
    let listener = Listener { settings, card, ledger, addresses, waiting, told };
    let ended = listener.listen(notices);
    if ended.is_err() {
        handles.iter().for_each(Handle::stop);
    }
    ended
}

struct Listener<'a> {
    settings: &'a Settings,
    card: &'a (dyn Fn(&Settings) -> String + Sync),
    /// Where the lease is kept over a restart.
    ledger: Option<&'a Ledger>,
    /// Those that were asked for and are not lost.
    addresses: Vec<Cidr>,
    /// Shards that are not ready.
    waiting: usize,
    /// What routers and servers told, for the card.
    told: Vec<(&'static str, String)>,
}

impl Listener<'_> {
    fn listen(mut self, notices: &Receiver<Notice>) -> Result<()> {
        let tap = &self.settings.tap;
        for notice in notices {
            match notice {
                Notice::Ready(own) => {
                    self.waiting = self.waiting.saturating_sub(1);
                    if self.waiting == 0 {
                        self.ready(own)?;
                    }
                }
                Notice::Added(own) => self.added(own),
                Notice::Leased { own, server, seconds } => {
                    let span = seconds.map_or("for ever".to_owned(), |seconds| format!("for {seconds} s"));
                    eprintln!("taphouse: {tap}: {server} lends us {own} {span} (DHCP)");
                    self.keep(|ledger| ledger.keep(own.address(), seconds));
                }
                Notice::Renewed { own, seconds } => self.keep(|ledger| ledger.keep(own.address(), seconds)),
                Notice::Released(own) => self.keep(|ledger| ledger.keep(own.address(), Some(0))),
                Notice::Refused(address) => {
                    eprintln!(
                        "taphouse: {tap}: {address} is not lent to us again: another address is asked for (DHCP)"
                    );
                    self.keep(|ledger| ledger.forget(address));
                }
                Notice::Ended(address) => {
                    eprintln!("taphouse: {tap}: {address} is ours no more, for nobody says so any longer");
                    self.addresses.retain(|own| own.address() != address);
                }
                Notice::Routers(routers) => self.say("routers", routers.iter().map(Address::to_string)),
                Notice::Resolvers { servers, domains } => {
                    self.say("names", servers.iter().map(Address::to_string).chain(domains));
                }
                Notice::Unanswered(Asked::Routers) => eprintln!(
                    "taphouse: {tap}: no router of IPv6 answered in {} s: going on without one, and asking on",
                    limits::AUTO_PATIENCE.as_secs()
                ),
                Notice::Unanswered(Asked::Servers) => eprintln!(
                    "taphouse: {tap}: no DHCP server answered in {} s: going on without an IPv4 address from one, and \
                     asking on",
                    limits::AUTO_PATIENCE.as_secs()
                ),
                Notice::Lost { address, station } if self.is_made(address) => {
                    eprintln!(
                        "taphouse: {tap}: {address} belongs to {station} already: another one is made or asked for"
                    );
                    self.addresses.retain(|own| own.address() != address);
                    self.keep(|ledger| ledger.forget(address));
                }
                Notice::Lost { address, station } => {
                    eprintln!(
                        "taphouse: {tap}: {address} belongs to {station} already: it is given up; \
                         choose another --address, or end the host that has it"
                    );
                    self.addresses.retain(|own| own.address() != address);
                    if !self.has_left(address) {
                        return Err(anyhow!(
                            "{tap}: no address is left, for others have them all: choose others with --address"
                        ));
                    }
                }
                Notice::Defended { address, station } => eprintln!(
                    "taphouse: {tap}: {station} claims {address}, which is ours: it was told so; \
                     give that host another address"
                ),
            }
        }
        Ok(())
    }

    /// Writes down what becomes of the lease. This thread may wait for the disk.
    fn keep(&self, write: impl FnOnce(&Ledger) -> io::Result<()>) {
        let Some(ledger) = self.ledger else { return };
        if let Err(why) = write(ledger) {
            let (tap, path) = (&self.settings.tap, ledger.path().display());
            eprintln!("taphouse: {tap}: {path}: {why}: after a restart another lease is known than ours now");
        }
    }

    /// An address that was told can be used. Before we are ready, the card names it.
    fn added(&mut self, own: Cidr) {
        if self.waiting == 0 {
            eprintln!("taphouse: {}: {own} is ours, too", self.settings.tap);
            self.addresses.push(own);
        }
    }

    /// Something that was told, for the card or, behind it, in a line of its own.
    fn say(&mut self, what: &'static str, told: impl Iterator<Item = String>) {
        let list = told.collect::<Vec<_>>().join(", ");
        if self.waiting == 0 {
            let list = if list.is_empty() { "none" } else { &list };
            eprintln!("taphouse: {}: {what} that we are told: {list}", self.settings.tap);
        }
        self.told.retain(|(other, _)| *other != what);
        if !list.is_empty() {
            self.told.push((what, list));
        }
    }

    /// Whether an address follows from what routers and servers tell.
    fn is_made(&self, address: Address) -> bool {
        let Settings { addresses, auto, .. } = self.settings;
        let given = addresses.iter().any(|own| own.address() == address);
        auto.is_some() && !given && self.settings.link_local() != Some(address)
    }

    /// Whether we go on without `lost`: another address is left of those that were asked for, or RARP may still tell one.
    fn has_left(&self, lost: Address) -> bool {
        let Settings { addresses, ask_rarp, auto, .. } = self.settings;
        if auto.is_some() {
            return true;
        }
        let made = self.settings.link_local() == Some(lost);
        let given = addresses.iter().any(|own| own.address() == lost);
        let may_come = *ask_rarp && self.waiting > 0 && (made || given);
        let only_made = addresses.is_empty() && !ask_rarp;
        !self.addresses.is_empty() || may_come || only_made && !made
    }

    /// Every address was decided on.
    fn ready(&mut self, own: Vec<Cidr>) -> Result<()> {
        let Listener { settings, card, .. } = *self;
        let addresses: Vec<_> = own.iter().map(|own| own.address()).collect();
        let given = |own: &Cidr| Some(own.address()) != settings.link_local();
        self.addresses = own.into_iter().filter(given).collect();
        let settled = Settings { addresses: self.addresses.clone(), ask_rarp: false, auto: None, ..settings.clone() };
        eprint!("{}", card(&settled));
        for (what, list) in &self.told {
            eprintln!("taphouse: {}: {what} that we are told: {list}", settings.tap);
        }
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{}", card::ready_line(&settings.tap, &addresses))?;
        Ok(stdout.flush()?)
    }
}
