//! Where mail for a domain goes (RFC 5321 §5.1, RFC 7505).

use std::collections::VecDeque;
use std::time::Duration;

use super::Rules;
use crate::application::dns::{Answer, Failure, Kind, Question};
use crate::application::smtp::client::Fate;
use crate::application::smtp::queue::Said;
use crate::base::address::{Address, Endpoint};
use crate::base::limits;

/// The port of hosts that take mail.
const SMTP: u16 = 25;

/// A next hop: all that goes there is sent over the same connections.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// The host that takes everything.
    Smarthost,
    /// The hosts of a domain, in lower case.
    Domain(String),
}

/// A host that takes mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) name: String,
    pub(super) remote: Endpoint,
}

/// Where it goes, or why it does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// These, in this order.
    Targets(Vec<Target>, Duration),
    /// Nowhere, now or ever.
    Nowhere(Fate, Said),
}

/// What follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Ask(Question),
    Done(Found),
}

/// Somebody looks where it goes.
#[derive(Clone, Debug)]
pub(super) struct Lookup {
    domain: String,
    port: u16,
    /// Hosts that are to be looked for, the best first.
    exchanges: VecDeque<String>,
    /// What was asked last, and how often in vain.
    question: Question,
    vain: u32,
    targets: Vec<Target>,
    lasts: Duration,
    /// A host could not be found now.
    failed: Option<Failure>,
}

impl Lookup {
    /// Begins to look for a next hop.
    pub(super) fn begin(key: &Key, rules: &Rules) -> Result<Lookup, Found> {
        let (domain, port, kind) = match (key, &rules.smarthost) {
            (Key::Smarthost, Some(smarthost)) => {
                if !smarthost.addresses.is_empty() {
                    let target = |address| Target {
                        name: smarthost.name.clone(),
                        remote: Endpoint { address, port: smarthost.port },
                    };
                    let targets = smarthost.addresses.iter().copied().map(target).collect();
                    return Err(Found::Targets(targets, limits::DNS_LASTS));
                }
                (smarthost.name.clone(), smarthost.port, Kind::V6)
            }
            (Key::Smarthost, None) => return Err(nowhere(Fate::Deferred, "4.4.4", "there is no smarthost")),
            (Key::Domain(domain), _) => {
                if let Some(literal) = domain.strip_prefix('[').and_then(|domain| domain.strip_suffix(']')) {
                    return Err(by_literal(literal));
                }
                (domain.clone(), SMTP, Kind::Mail)
            }
        };
        if rules.dns.is_none() {
            return Err(nowhere(Fate::Deferred, "4.4.4", "there is neither a smarthost nor a DNS server to ask"));
        }
        let exchanges = if kind == Kind::Mail { VecDeque::new() } else { VecDeque::from([domain.clone()]) };
        let question = Question { name: domain.clone(), kind };
        let (targets, lasts) = (Vec::new(), limits::DNS_LASTS);
        Ok(Lookup { domain, port, exchanges, question, vain: 0, targets, lasts, failed: None })
    }

    /// What is to be asked.
    pub(super) fn question(&self) -> Question {
        self.question.clone()
    }

    /// An answer came, or none. `shuffle` chooses among hosts of one preference.
    pub(super) fn answered(
        &mut self,
        answer: Result<Answer, Failure>,
        rules: &Rules,
        mut shuffle: impl FnMut(u64) -> u64,
    ) -> Next {
        match (self.question.kind, answer) {
            (_, Err(Failure::Silence | Failure::Refused)) if self.vain + 1 < limits::DNS_TRIES => {
                self.vain += 1;
                return Next::Ask(self.question());
            }
            (Kind::Mail, Err(Failure::BadName)) => {
                return Next::Done(nowhere(Fate::Refused, "5.1.2", "the domain is no name that DNS knows"));
            }
            (Kind::Mail, Err(why)) => return Next::Done(nowhere(Fate::Deferred, "4.4.3", &why.to_string())),
            (Kind::Mail, Ok(Answer::NoName)) => {
                return Next::Done(nowhere(Fate::Refused, "5.1.2", "there is no such domain"));
            }
            (Kind::Mail, Ok(Answer::Exchanges(mut exchanges, lasts))) => {
                self.lasts = self.lasts.min(lasts);
                // RFC 7505 §3.
                if let [(_, root)] = exchanges.as_slice()
                    && root.is_empty()
                {
                    return Next::Done(nowhere(Fate::Refused, "5.1.10", "the domain takes no mail"));
                }
                // RFC 5321 §5.1: the lowest number first, and among equals any.
                let mut keyed: Vec<_> =
                    exchanges.drain(..).map(|(number, name)| (number, shuffle(1 << 32), name)).collect();
                keyed.sort();
                // Those that are worse than ourselves would send it back to us.
                let own = keyed.iter().find(|(.., name)| name.eq_ignore_ascii_case(&rules.name)).map(|(own, ..)| *own);
                keyed.retain(|(number, ..)| own.is_none_or(|own| *number < own));
                self.exchanges = keyed.into_iter().map(|(.., name)| name).take(limits::SMTP_EXCHANGES).collect();
                if own.is_some() && self.exchanges.is_empty() {
                    return Next::Done(nowhere(
                        Fate::Refused,
                        "5.4.6",
                        "we are the host that is to take it, and do not",
                    ));
                }
                if self.exchanges.is_empty() {
                    // The domain itself takes it.
                    self.exchanges.push_back(self.domain.clone());
                }
                return self.next(None);
            }
            (_, Ok(Answer::Addresses(addresses, lasts))) => {
                self.lasts = self.lasts.min(lasts);
                let name = self.exchanges.front().cloned().unwrap_or_default();
                let is_own = addresses.iter().any(|address| rules.own.contains(address));
                if is_own {
                    // RFC 5321 §5.1: neither we nor who comes behind us.
                    self.exchanges.truncate(1);
                } else {
                    let room = limits::SMTP_TARGETS.saturating_sub(self.targets.len());
                    let target = |address| Target { name: name.clone(), remote: Endpoint { address, port: self.port } };
                    self.targets.extend(addresses.into_iter().take(room).map(target));
                }
            }
            (_, Ok(Answer::NoName | Answer::Exchanges(..))) => {}
            (_, Err(why)) => self.failed = Some(why),
        }
        match self.question.kind {
            Kind::V6 => self.next(Some(Kind::V4)),
            Kind::V4 | Kind::Mail => {
                self.exchanges.pop_front();
                self.next(None)
            }
        }
    }

    /// Asks for the next addresses, of the same host or the next one.
    fn next(&mut self, same: Option<Kind>) -> Next {
        match self.exchanges.front() {
            Some(name) => {
                self.question = Question { name: name.clone(), kind: same.unwrap_or(Kind::V6) };
                self.vain = 0;
                Next::Ask(self.question())
            }
            None => Next::Done(match (self.targets.is_empty(), self.failed) {
                (false, _) => Found::Targets(std::mem::take(&mut self.targets), self.lasts),
                (true, Some(why)) => nowhere(Fate::Deferred, "4.4.3", &why.to_string()),
                (true, None) => nowhere(Fate::Refused, "5.4.4", "no host that takes its mail has an address"),
            }),
        }
    }
}

fn nowhere(fate: Fate, code: &str, text: &str) -> Found {
    Found::Nowhere(fate, Said { code: code.to_owned(), text: text.to_owned(), by: None })
}

/// RFC 5321 §4.1.3.
fn by_literal(literal: &str) -> Found {
    let text = literal.strip_prefix("ipv6:").unwrap_or(literal);
    match text.parse::<Address>() {
        Ok(address) => {
            let target = Target { name: text.to_owned(), remote: Endpoint { address, port: SMTP } };
            Found::Targets(vec![target], limits::DNS_LASTS)
        }
        Err(_) => nowhere(Fate::Refused, "5.1.2", "the domain is no address that we know"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Smarthost;
    use super::*;

    fn rules() -> Rules {
        let dns = Endpoint { address: Address::from_v4([10, 0, 0, 53]), port: 53 };
        let own = vec![Address::from_v4([10, 0, 0, 2])];
        Rules { name: "us.example".into(), dns: Some(dns), own, ..Rules::default() }
    }

    fn key(domain: &str) -> Key {
        Key::Domain(domain.to_owned())
    }

    const LASTS: Duration = Duration::from_secs(60);

    fn exchanges(all: &[(u16, &str)]) -> Result<Answer, Failure> {
        Ok(Answer::Exchanges(all.iter().map(|(number, name)| (*number, (*name).to_owned())).collect(), LASTS))
    }

    fn v4(last: &[u8]) -> Result<Answer, Failure> {
        Ok(Answer::Addresses(last.iter().map(|last| Address::from_v4([10, 0, 0, *last])).collect(), LASTS))
    }

    /// Looks with these answers; returns what was asked, and what was found.
    fn look(domain: &str, answers: Vec<Result<Answer, Failure>>) -> (Vec<(String, Kind)>, Found) {
        let rules = rules();
        let mut lookup = Lookup::begin(&key(domain), &rules).unwrap();
        let mut asked = vec![(lookup.question().name, lookup.question().kind)];
        for answer in answers {
            match lookup.answered(answer, &rules, |_| 0) {
                Next::Ask(question) => asked.push((question.name, question.kind)),
                Next::Done(found) => return (asked, found),
            }
        }
        panic!("it is not done: {asked:?}")
    }

    fn code(found: &Found) -> (Fate, &str) {
        match found {
            Found::Nowhere(fate, said) => (*fate, &said.code),
            Found::Targets(targets, _) => panic!("{targets:?}"),
        }
    }

    fn hosts(found: &Found) -> Vec<String> {
        match found {
            Found::Targets(targets, _) => targets.iter().map(|at| format!("{} {}", at.name, at.remote)).collect(),
            Found::Nowhere(_, said) => panic!("{said:?}"),
        }
    }

    #[test]
    fn the_best_host_comes_first_with_all_of_its_addresses() {
        let answers = vec![exchanges(&[(20, "b"), (10, "a")]), v4(&[]), v4(&[7, 8]), v4(&[]), v4(&[9])];
        let (asked, found) = look("there", answers);
        let kinds = [("there", Kind::Mail), ("a", Kind::V6), ("a", Kind::V4), ("b", Kind::V6), ("b", Kind::V4)];
        assert_eq!(asked, kinds.map(|(name, kind)| (name.to_owned(), kind)));
        assert_eq!(hosts(&found), ["a 10.0.0.7:25", "a 10.0.0.8:25", "b 10.0.0.9:25"]);
    }

    #[test]
    fn a_domain_without_exchanges_takes_its_mail_itself() {
        let (_, found) = look("there", vec![exchanges(&[]), v4(&[]), v4(&[7])]);
        assert_eq!(hosts(&found), ["there 10.0.0.7:25"]);
    }

    #[test]
    fn who_takes_none_or_is_not_there_gets_none() {
        assert_eq!(code(&look("there", vec![exchanges(&[(0, "")])]).1), (Fate::Refused, "5.1.10"));
        assert_eq!(code(&look("there", vec![Ok(Answer::NoName)]).1), (Fate::Refused, "5.1.2"));
        assert_eq!(code(&look("there", vec![Err(Failure::BadName)]).1), (Fate::Refused, "5.1.2"));
        let none = vec![exchanges(&[(1, "a")]), Ok(Answer::NoName), Ok(Answer::NoName)];
        assert_eq!(code(&look("there", none).1), (Fate::Refused, "5.4.4"));
        let silence = vec![Err(Failure::Silence); 3];
        assert_eq!(code(&look("there", silence).1), (Fate::Deferred, "4.4.3"));
        // Some of it may be known later.
        let mut answers = vec![exchanges(&[(1, "a")])];
        answers.extend(vec![Err(Failure::Refused); 6]);
        assert_eq!(code(&look("there", answers).1), (Fate::Deferred, "4.4.3"));
    }

    #[test]
    fn nothing_comes_back_to_us() {
        let (_, found) = look("there", vec![exchanges(&[(10, "US.example"), (5, "a"), (20, "b")]), v4(&[]), v4(&[7])]);
        assert_eq!(hosts(&found), ["a 10.0.0.7:25"]);
        let (_, found) = look("there", vec![exchanges(&[(10, "us.example"), (20, "b")])]);
        assert_eq!(code(&found), (Fate::Refused, "5.4.6"));
        // By our address.
        let (_, found) =
            look("there", vec![exchanges(&[(5, "a"), (10, "b"), (20, "c")]), v4(&[]), v4(&[7]), v4(&[]), v4(&[2])]);
        assert_eq!(hosts(&found), ["a 10.0.0.7:25"]);
    }

    #[test]
    fn what_needs_no_question_is_found_at_once() {
        let found = |domain: &str, rules: &Rules| Lookup::begin(&key(domain), rules).unwrap_err();
        assert_eq!(hosts(&found("[10.0.0.7]", &rules())), ["10.0.0.7 10.0.0.7:25"]);
        assert_eq!(hosts(&found("[ipv6:fd77::1]", &rules())), ["fd77::1 [fd77::1]:25"]);
        assert_eq!(code(&found("[x]", &rules())), (Fate::Refused, "5.1.2"));
        assert_eq!(code(&found("there", &Rules::default())), (Fate::Deferred, "4.4.4"));
        let smarthost = Smarthost { name: "hub".into(), port: 2525, addresses: vec![Address::from_v4([10, 0, 0, 9])] };
        let rules = Rules { smarthost: Some(smarthost), ..Rules::default() };
        assert_eq!(hosts(&Lookup::begin(&Key::Smarthost, &rules).unwrap_err()), ["hub 10.0.0.9:2525"]);
    }
}
