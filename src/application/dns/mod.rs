//! DNS's stub: one question to a server that looks for the answer (RFC 1034 §5.3.1), over UDP and, when the answer is too long
//! for that, over TCP.
//!
//! # Theory of operation
//!
//! Each question leaves from a port of its own with an identifier of its own, both at random, and only an answer to just that
//! is read (RFC 5452): who does not see the question has to guess both. Nothing is asked twice here: who asks knows how often.
//! Formats are the `domain` crate's.
//!
//! Not done: DNSSEC, caching.
//!
//! Read first: RFC 1035 §4, RFC 5452, RFC 6891, RFC 7766.

mod query;
mod tcp;

use std::time::Duration;

use domain::base::iana::{Class, Rcode};
use domain::base::{Message, MessageBuilder, Name, ParsedName, Rtype};
use domain::rdata::{A, Aaaa, Cname, Mx};

use crate::base::address::Address;
use crate::base::limits;

pub use query::{Query, Told};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// IPv4 addresses.
    V4,
    /// IPv6 addresses.
    V6,
    /// Hosts that take mail.
    Mail,
}

impl Kind {
    fn rtype(self) -> Rtype {
        match self {
            Kind::V4 => Rtype::A,
            Kind::V6 => Rtype::AAAA,
            Kind::Mail => Rtype::MX,
        }
    }
}

/// A question.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Question {
    /// Of whom.
    pub name: String,
    /// What.
    pub kind: Kind,
}

/// What a server knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// These are its addresses; none: it has no such ones.
    Addresses(Vec<Address>, Duration),
    /// These hosts take its mail, with their preference; none: it says nothing of that. The root is the empty name.
    Exchanges(Vec<(u16, String)>, Duration),
    /// Nobody is called that.
    NoName,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It is no name.
    #[error("is no name that DNS knows")]
    BadName,
    /// The server said nothing, or cannot be reached.
    #[error("the DNS server does not answer")]
    Silence,
    /// The server cannot find it out, or does not want to.
    #[error("the DNS server cannot answer")]
    Refused,
}

impl Question {
    /// As it goes to a server.
    fn write(&self, id: u16) -> Result<Vec<u8>, Failure> {
        let name: Name<Vec<u8>> = self.name.parse().map_err(|_| Failure::BadName)?;
        let mut message = MessageBuilder::new_vec();
        message.header_mut().set_id(id);
        message.header_mut().set_rd(true);
        let mut question = message.question();
        question.push((&name, self.kind.rtype(), Class::IN)).map_err(|_| Failure::BadName)?;
        let mut additional = question.additional();
        let opt = additional.opt(|opt| {
            opt.set_udp_payload_size(limits::DNS_DATAGRAM as u16);
            Ok(())
        });
        opt.map_err(|_| Failure::BadName)?;
        Ok(additional.finish())
    }

    /// What a message says, if it answers this question.
    fn read(&self, id: u16, bytes: &[u8]) -> Option<Reading> {
        let message = Message::from_octets(bytes).ok()?;
        let header = message.header();
        let asked = message.sole_question().ok()?;
        let name: Name<Vec<u8>> = self.name.parse().ok()?;
        let is_ours = header.id() == id
            && header.qr()
            && *asked.qname() == name
            && asked.qtype() == self.kind.rtype()
            && asked.qclass() == Class::IN;
        if !is_ours {
            return None;
        }
        if header.tc() {
            return Some(Reading::Cut);
        }
        Some(match header.rcode() {
            Rcode::NOERROR => self.answer(&message, name).map_or(Reading::Failed(Failure::Refused), Reading::Whole),
            Rcode::NXDOMAIN => Reading::Whole(Answer::NoName),
            _ => Reading::Failed(Failure::Refused),
        })
    }

    /// The records that answer, of the name or of that for which it stands (RFC 1034 §3.6.2).
    fn answer(&self, message: &Message<&[u8]>, mut name: Name<Vec<u8>>) -> Option<Answer> {
        let mut lasts = limits::DNS_LASTS;
        for _ in 0..limits::DNS_ALIASES {
            let aliases = message.answer().ok()?.limit_to_in::<Cname<ParsedName<&[u8]>>>();
            let alias = aliases.filter_map(Result::ok).find(|record| *record.owner() == name);
            let Some(alias) = alias else { break };
            lasts = lasts.min(alias.ttl().into_duration());
            name = alias.data().cname().to_string().parse().ok()?;
        }
        let section = message.answer().ok()?;
        let most = limits::DNS_RECORDS;
        Some(match self.kind {
            Kind::V4 => {
                let records = section.limit_to_in::<A>().filter_map(Result::ok).filter(|one| *one.owner() == name);
                let one = |record: domain::base::Record<ParsedName<&[u8]>, A>| {
                    lasts = lasts.min(record.ttl().into_duration());
                    Address::from_v4(record.data().addr().octets())
                };
                let all = records.take(most).map(one).collect();
                Answer::Addresses(all, lasts)
            }
            Kind::V6 => {
                let records = section.limit_to_in::<Aaaa>().filter_map(Result::ok).filter(|one| *one.owner() == name);
                let one = |record: domain::base::Record<ParsedName<&[u8]>, Aaaa>| {
                    lasts = lasts.min(record.ttl().into_duration());
                    Address::from_v6(record.data().addr().octets())
                };
                let all = records.take(most).map(one).collect();
                Answer::Addresses(all, lasts)
            }
            Kind::Mail => {
                let records = section.limit_to_in::<Mx<ParsedName<&[u8]>>>().filter_map(Result::ok);
                let one = |record: domain::base::Record<ParsedName<&[u8]>, Mx<ParsedName<&[u8]>>>| {
                    lasts = lasts.min(record.ttl().into_duration());
                    let exchange = record.data().exchange().to_string();
                    (record.data().preference(), exchange.trim_end_matches('.').to_owned())
                };
                let all = records.filter(|one| *one.owner() == name).take(most).map(one).collect();
                Answer::Exchanges(all, lasts)
            }
        })
    }
}

/// What a message says.
#[derive(Debug, PartialEq, Eq)]
enum Reading {
    Whole(Answer),
    /// Not all of it fits: to be asked for over TCP (RFC 7766 §5).
    Cut,
    Failed(Failure),
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use domain::base::Ttl;
    use proptest::prelude::*;

    use super::*;

    fn question(name: &str, kind: Kind) -> Question {
        Question { name: name.to_owned(), kind }
    }

    fn name(text: &str) -> Name<Vec<u8>> {
        text.parse().unwrap()
    }

    /// The answer of a server to this question, with these records.
    fn answered(question: &[u8], rcode: Rcode, records: &[(&str, Record)]) -> Vec<u8> {
        let asked = Message::from_octets(question).unwrap();
        let mut answer = MessageBuilder::new_vec().start_answer(&asked, rcode).unwrap();
        for (owner, record) in records {
            let (owner, ttl) = (name(owner), Ttl::from_secs(300));
            match record {
                Record::A(last) => answer.push((owner, ttl, A::new(Ipv4Addr::new(10, 0, 0, *last)))).unwrap(),
                Record::Alias(to) => answer.push((owner, ttl, Cname::new(name(to)))).unwrap(),
                Record::Mail(preference, to) => answer.push((owner, ttl, Mx::new(*preference, name(to)))).unwrap(),
            }
        }
        answer.finish()
    }

    enum Record {
        A(u8),
        Alias(&'static str),
        Mail(u16, &'static str),
    }

    const LASTS: Duration = Duration::from_secs(300);

    #[test]
    fn what_is_asked_is_answered() {
        let mail = question("example.org", Kind::Mail);
        let asked = mail.write(7).unwrap();
        let exchanges =
            [("example.org", Record::Mail(20, "b.example.org")), ("EXAMPLE.org", Record::Mail(10, "a.example.org"))];
        let expected = vec![(20, "b.example.org".to_owned()), (10, "a.example.org".to_owned())];
        let read = mail.read(7, &answered(&asked, Rcode::NOERROR, &exchanges));
        assert_eq!(read, Some(Reading::Whole(Answer::Exchanges(expected, LASTS))));
        // RFC 7505: it takes none.
        let read = mail.read(7, &answered(&asked, Rcode::NOERROR, &[("example.org", Record::Mail(0, "."))]));
        assert_eq!(read, Some(Reading::Whole(Answer::Exchanges(vec![(0, String::new())], LASTS))));
        let read = mail.read(7, &answered(&asked, Rcode::NXDOMAIN, &[]));
        assert_eq!(read, Some(Reading::Whole(Answer::NoName)));
        let read = mail.read(7, &answered(&asked, Rcode::SERVFAIL, &[]));
        assert_eq!(read, Some(Reading::Failed(Failure::Refused)));
    }

    #[test]
    fn names_that_stand_for_others_are_followed_and_strangers_are_not() {
        let host = question("www.example.org", Kind::V4);
        let asked = host.write(7).unwrap();
        let records = [
            ("www.example.org", Record::Alias("w.example.net")),
            ("w.example.net", Record::A(1)),
            ("evil.example.org", Record::A(2)),
        ];
        let read = host.read(7, &answered(&asked, Rcode::NOERROR, &records));
        assert_eq!(read, Some(Reading::Whole(Answer::Addresses(vec![Address::from_v4([10, 0, 0, 1])], LASTS))));
        // Round and round.
        let records =
            [("www.example.org", Record::Alias("w.example.net")), ("w.example.net", Record::Alias("www.example.org"))];
        let read = host.read(7, &answered(&asked, Rcode::NOERROR, &records));
        assert!(matches!(read, Some(Reading::Whole(Answer::Addresses(none, _))) if none.is_empty()));
    }

    #[test]
    fn an_answer_to_something_else_is_none() {
        let mail = question("example.org", Kind::Mail);
        let asked = mail.write(7).unwrap();
        let answer = answered(&asked, Rcode::NXDOMAIN, &[]);
        assert_eq!(mail.read(8, &answer), None);
        assert_eq!(question("example.com", Kind::Mail).read(7, &answer), None);
        assert_eq!(question("example.org", Kind::V4).read(7, &answer), None);
        assert_eq!(mail.read(7, &asked), None, "that is a question");
        assert_eq!(question("a..b", Kind::V4).write(7), Err(Failure::BadName));
        assert_eq!(question(&"a".repeat(64), Kind::V4).write(7), Err(Failure::BadName));
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_or_not(bytes in proptest::collection::vec(any::<u8>(), 0..600), at in 0usize..80) {
            let mail = question("example.org", Kind::Mail);
            let _ = mail.read(7, &bytes);
            let mut answer = answered(&mail.write(7).unwrap(), Rcode::NOERROR, &[("example.org", Record::Mail(1, "a.example.org"))]);
            if let (Some(byte), Some(new)) = (answer.get_mut(at), bytes.first()) {
                *byte = *new;
            }
            let _ = mail.read(7, &answer);
        }
    }
}
