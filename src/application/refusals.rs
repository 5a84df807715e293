//! What an administrator is told of those whom a service refuses something: who it was, what and why, one line each, and no
//! more than [`limits::REFUSALS`] lines in a while, however fast somebody knocks.

use std::fmt;

use crossbeam_channel::Sender;

use crate::base::address::Endpoint;
use crate::base::limits;
use crate::base::time::Instant;

/// Somebody was refused something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Who.
    pub peer: Endpoint,
    /// What, and why.
    pub why: String,
    /// How many there were since the one before that were too many to be told of.
    pub untold: u64,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Refusal { peer, why, untold } = self;
        write!(f, "{peer} was refused: {why}")?;
        if *untold > 0 { write!(f, " (and {untold} more before this)") } else { Ok(()) }
    }
}

/// Tells of them.
#[derive(Debug)]
pub struct Refusals {
    tell: Option<Sender<Refusal>>,
    /// Since when they are counted, and how many there were.
    since: Instant,
    told: u32,
    untold: u64,
}

impl Refusals {
    /// Tells whoever reads this, if anybody.
    pub fn new(tell: Option<Sender<Refusal>>) -> Refusals {
        Refusals { tell, since: Instant::ZERO, told: 0, untold: 0 }
    }

    /// Somebody was refused something.
    pub fn tell(&mut self, peer: Endpoint, why: String, now: Instant) {
        let Some(tell) = &self.tell else { return };
        if now.since(self.since) >= limits::REFUSALS_SPAN {
            (self.since, self.told) = (now, 0);
        }
        let refusal = Refusal { peer, why, untold: self.untold };
        // Who does not read fast enough does not stop the loop.
        if self.told < limits::REFUSALS && tell.try_send(refusal).is_ok() {
            self.told += 1;
            self.untold = 0;
        } else {
            self.untold += 1;
        }
    }
}

/// What somebody said, fit for one line: whatever is no printable character is escaped, and the end of it left out if it is
/// long.
pub fn shown(said: &[u8]) -> String {
    const MOST: usize = 100;
    let mut shown = String::new();
    for chunk in said[..said.len().min(MOST)].utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() {
                shown.extend(character.escape_default());
            } else {
                shown.push(character);
            }
        }
        shown.push_str(&chunk.invalid().escape_ascii().to_string());
    }
    if said.len() > MOST {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::address::Address;
    use crossbeam_channel::unbounded;

    #[test]
    fn of_many_so_many_are_told_and_the_rest_counted() {
        let (tell, told) = unbounded();
        let mut refusals = Refusals::new(Some(tell));
        let peer = Endpoint { address: Address::from_v4([10, 77, 0, 1]), port: 4711 };
        let now = Instant::from_millis(5);
        (0..limits::REFUSALS + 7).for_each(|_| refusals.tell(peer, "CWD ..".to_owned(), now));
        assert_eq!(told.try_iter().count(), limits::REFUSALS as usize);
        refusals.tell(peer, "CWD ..".to_owned(), now + limits::REFUSALS_SPAN);
        let last = told.recv().unwrap().to_string();
        assert_eq!(last, "10.77.0.1:4711 was refused: CWD .. (and 7 more before this)");
    }

    #[test]
    fn what_was_said_is_one_harmless_line() {
        assert_eq!(shown("RETR ü".as_bytes()), "RETR ü");
        assert_eq!(shown(b"RETR a\0b\n\x1b[31m\xff\xc3("), "RETR a\\u{0}b\\n\\u{1b}[31m\\xff\\xc3(");
        assert_eq!(shown(&[b'x'; 5000]).chars().count(), 101);
    }
}
