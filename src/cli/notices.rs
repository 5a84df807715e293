//! What the user hears of our addresses: that they are ours, contested or lost.

use std::io::{self, Write};

use anyhow::{Result, anyhow};
use crossbeam_channel::Receiver;
use taphouse::base::address::{Address, Cidr};
use taphouse::run::Handle;
use taphouse::stack::{Notice, Start};

use super::card;
use super::settings::Settings;

/// Why it takes a while until we are ready, for stderr; nothing when it does not.
pub(super) fn before(settings: &Settings, start: Start) -> Option<String> {
    let tap = &settings.tap;
    if settings.ask_rarp {
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
    handles: &[Handle],
    notices: &Receiver<Notice>,
) -> Result<()> {
    let listener = Listener { settings, card, addresses: settings.addresses.clone(), waiting: handles.len() };
    let ended = listener.listen(notices);
    if ended.is_err() {
        handles.iter().for_each(Handle::stop);
    }
    ended
}

struct Listener<'a> {
    settings: &'a Settings,
    card: &'a (dyn Fn(&Settings) -> String + Sync),
    /// Those that were asked for and are not lost.
    addresses: Vec<Cidr>,
    /// Shards that are not ready.
    waiting: usize,
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

    /// Whether we go on without `lost`: another address is left of those that were asked for, or RARP may still tell one.
    fn has_left(&self, lost: Address) -> bool {
        let Settings { addresses, ask_rarp, .. } = self.settings;
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
        let settled = Settings { addresses: self.addresses.clone(), ask_rarp: false, ..settings.clone() };
        eprint!("{}", card(&settled));
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{}", card::ready_line(&settings.tap, &addresses))?;
        Ok(stdout.flush()?)
    }
}
