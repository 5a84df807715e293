//! Next hops: what waits for each, and the connections on which it goes.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::route::{Found, Key, Lookup, Next, Target};
use super::{DESK, Rules};
use crate::application::dns::{Answer, Failure, Query};
use crate::application::smtp::client::{Client, Fate, Mail, Manner, Order, Security, Stage, Tell, Told, Verdict};
use crate::application::smtp::queue::Said;
use crate::application::tls::{Secured, Server};
use crate::application::{Io, Session, SessionId};
use crate::base::limits;
use crate::base::time::Instant;

/// A message on its way to a next hop, or some of its recipients.
#[derive(Debug)]
pub(super) struct Delivery {
    /// Whose it is.
    pub(super) slot: u32,
    /// Which of the recipients of its envelope.
    pub(super) recipients: Vec<usize>,
    pub(super) mail: Mail,
    /// The hosts that were tried in vain, and why the last was.
    tried: usize,
}

impl Delivery {
    pub(super) fn new(slot: u32, recipients: Vec<usize>, mail: Mail) -> Delivery {
        Delivery { slot, recipients, mail, tried: 0 }
    }
}

/// What became of one.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) slot: u32,
    pub(super) recipients: Vec<usize>,
    pub(super) verdicts: Vec<Verdict>,
    /// Whoever has it now reports itself.
    pub(super) dsn: bool,
}

/// What a connection tells.
struct News {
    link: u32,
    session: Option<SessionId>,
    told: Told,
}

#[derive(Default)]
struct Hop {
    route: Route,
    waiting: VecDeque<Delivery>,
    /// Connections, those that are being opened included.
    links: usize,
    /// The host that was reached last: those before it need not be tried again.
    first: usize,
    /// TLS could not be begun: it goes without, where that is allowed.
    plain: bool,
}

#[derive(Default)]
enum Route {
    #[default]
    Unknown,
    Asking {
        lookup: Box<Lookup>,
        number: u64,
        /// When whoever was asked is not waited for any more.
        until: Instant,
    },
    Known {
        targets: Vec<Target>,
        until: Instant,
    },
}

/// A connection.
struct Link {
    key: Key,
    session: Option<SessionId>,
    /// What it carries.
    delivery: Option<Delivery>,
    /// Which of the hop's hosts is at its other end.
    host: usize,
    /// It was ready for mail once.
    ready: bool,
}

/// All next hops.
pub(super) struct Hops {
    hops: HashMap<Key, Hop>,
    links: HashMap<u32, Link>,
    next: u64,
    /// What connections tell: a message of theirs says only that there is something.
    news: (Sender<News>, Receiver<News>),
    pub(super) outcomes: Vec<Outcome>,
}

impl Hops {
    pub(super) fn new() -> Hops {
        let (hops, links) = (HashMap::new(), HashMap::new());
        Hops { hops, links, next: 0, news: unbounded(), outcomes: Vec::new() }
    }

    /// Takes a message.
    pub(super) fn add(&mut self, key: Key, delivery: Delivery, rules: &Rules, io: &mut Io<'_>) {
        self.hops.entry(key.clone()).or_default().waiting.push_back(delivery);
        self.pump(&key, rules, io);
    }

    /// What is due, and what was told.
    pub(super) fn go_on(&mut self, rules: &Rules, io: &mut Io<'_>) {
        while let Ok(News { link, session, told }) = self.news.1.try_recv() {
            self.told(link, session, told, rules, io);
        }
        let now = io.now();
        let late = |hop: &Hop| match &hop.route {
            Route::Asking { number, until, .. } if *until <= now => Some(*number),
            _ => None,
        };
        let silent: Vec<u64> = self.hops.values().filter_map(late).collect();
        for number in silent {
            self.answered(number, Err(Failure::Silence), rules, io);
        }
        // What is known of a hop is kept a while; what waits for room among all connections is tried again.
        self.hops.retain(|_, hop| {
            let is_fresh = matches!(&hop.route, Route::Known { until, .. } if *until > now);
            hop.links > 0 || !hop.waiting.is_empty() || is_fresh
        });
        let waiting: Vec<Key> =
            self.hops.iter().filter(|(_, hop)| !hop.waiting.is_empty()).map(|(key, _)| key.clone()).collect();
        waiting.iter().for_each(|key| self.pump(key, rules, io));
    }

    /// Whether there is somebody from whom something is to be heard.
    pub(super) fn are_busy(&self) -> bool {
        !self.links.is_empty() || self.hops.values().any(|hop| !hop.waiting.is_empty())
    }

    /// An answer of DNS.
    pub(super) fn answered(&mut self, asked: u64, answer: Result<Answer, Failure>, rules: &Rules, io: &mut Io<'_>) {
        let found = self.hops.iter_mut().find_map(|(key, hop)| match &mut hop.route {
            Route::Asking { lookup, number, .. } if *number == asked => {
                Some((key.clone(), lookup.answered(answer.clone(), rules, |end| io.random(end))))
            }
            _ => None,
        });
        match found {
            Some((key, Next::Ask(_))) => self.ask(&key, rules, io),
            Some((key, Next::Done(found))) => {
                self.found(&key, found, io.now());
                self.pump(&key, rules, io);
            }
            // It is the answer to an older question.
            None => {}
        }
    }

    /// Asks what is to be asked for a hop.
    fn ask(&mut self, key: &Key, rules: &Rules, io: &mut Io<'_>) {
        self.next += 1;
        let (asking, patience) = (self.next, limits::DNS_PATIENCE);
        let Some(Hop { route: Route::Asking { lookup, number, until }, .. }) = self.hops.get_mut(key) else { return };
        // Over TCP it is asked a second time.
        (*number, *until) = (asking, io.now() + 3 * patience);
        if let Some(server) = rules.dns {
            Query::ask(lookup.question(), server, DESK, asking, patience, io);
        }
    }

    fn found(&mut self, key: &Key, found: Found, now: Instant) {
        let Some(hop) = self.hops.get_mut(key) else { return };
        match found {
            Found::Targets(targets, lasts) => {
                hop.first = 0;
                hop.route = Route::Known { targets, until: now + lasts.max(limits::SMTP_ROUTE_LASTS) };
            }
            Found::Nowhere(fate, said) => {
                hop.route = Route::Unknown;
                self.fail_all(key, fate, &said);
            }
        }
    }

    /// All that waits for a hop has this fate.
    fn fail_all(&mut self, key: &Key, fate: Fate, said: &Said) {
        let Some(hop) = self.hops.get_mut(key) else { return };
        let outcomes = hop.waiting.drain(..).map(|delivery| outcome(delivery, fate, said));
        self.outcomes.extend(outcomes);
    }

    /// Lets what waits for a hop go, as far as it may.
    fn pump(&mut self, key: &Key, rules: &Rules, io: &mut Io<'_>) {
        let now = io.now();
        loop {
            let Some(hop) = self.hops.get_mut(key).filter(|hop| !hop.waiting.is_empty()) else { return };
            match &hop.route {
                Route::Asking { .. } => return,
                Route::Known { until, .. } if *until > now || hop.links > 0 => {
                    if !self.carry(key, rules, io) {
                        return;
                    }
                }
                Route::Known { .. } | Route::Unknown => match Lookup::begin(key, rules) {
                    Ok(lookup) => {
                        hop.route = Route::Asking { lookup: Box::new(lookup), number: 0, until: now };
                        return self.ask(key, rules, io);
                    }
                    Err(found) => self.found(key, found, now),
                },
            }
        }
    }

    /// Lets the first that waits go; whether it went.
    fn carry(&mut self, key: &Key, rules: &Rules, io: &mut Io<'_>) -> bool {
        let is_free = |link: &Link| link.key == *key && link.ready && link.delivery.is_none();
        let free = self.links.values_mut().find(|link| is_free(link));
        let Some(hop) = self.hops.get_mut(key) else { return false };
        if let Some(Link { session: Some(session), delivery, .. }) = free {
            let Some(next) = hop.waiting.pop_front() else { return false };
            if io.tell(*session, Box::new(Order::Carry(Box::new(next.mail.clone())))).is_err() {
                hop.waiting.push_front(next);
                return false;
            }
            *delivery = Some(next);
            return true;
        }
        if hop.links >= limits::SMTP_CONNECTIONS_A_HOP || self.links.len() >= limits::SMTP_CONNECTIONS {
            return false;
        }
        let Route::Known { targets, .. } = &hop.route else { return false };
        let Some(next) = hop.waiting.pop_front() else { return false };
        let host = (hop.first + next.tried) % targets.len().max(1);
        let Some(target) = targets.get(host) else { return false };
        self.next += 1;
        let number = self.next as u32;
        let session = session(number, target, hop.plain, next.mail.clone(), rules, self.news.0.clone(), io.now());
        if io.connect(target.remote, session).is_err() {
            hop.waiting.push_front(next);
            return false;
        }
        hop.links += 1;
        let link = Link { key: key.clone(), session: None, delivery: Some(next), host, ready: false };
        self.links.insert(number, link);
        true
    }

    /// A connection tells something.
    fn told(&mut self, number: u32, session: Option<SessionId>, told: Told, rules: &Rules, io: &mut Io<'_>) {
        let Some(link) = self.links.get_mut(&number) else { return };
        let key = link.key.clone();
        match told {
            Told::Ready => {
                (link.session, link.ready) = (session, true);
                if let Some(hop) = self.hops.get_mut(&key) {
                    hop.first = link.host;
                }
            }
            Told::Over { verdicts, dsn } => {
                if let Some(Delivery { slot, recipients, .. }) = link.delivery.take() {
                    self.outcomes.push(Outcome { slot, recipients, verdicts, dsn });
                }
            }
            Told::Gone { stage, said } => {
                let Some(Link { delivery, .. }) = self.links.remove(&number) else { return };
                self.gone(&key, delivery, stage, &said, rules);
            }
        }
        self.pump(&key, rules, io);
    }

    /// A connection is no more, and what it carried is not over.
    fn gone(&mut self, key: &Key, delivery: Option<Delivery>, stage: Stage, said: &Said, rules: &Rules) {
        let Some(hop) = self.hops.get_mut(key) else { return };
        hop.links -= 1;
        let Some(mut delivery) = delivery else { return };
        let hosts = match &hop.route {
            Route::Known { targets, .. } => targets.len(),
            _ => 0,
        };
        match stage {
            // RFC 7435: rather without than not at all.
            Stage::Insecure if !hop.plain && rules.manner.security == Security::Offered => {
                hop.plain = true;
                hop.waiting.push_front(delivery);
            }
            Stage::Insecure | Stage::Unready => {
                delivery.tried += 1;
                if delivery.tried < hosts {
                    // RFC 5321 §5.1: the next host.
                    hop.waiting.push_front(delivery);
                    return;
                }
                self.outcomes.push(outcome(delivery, Fate::Deferred, said));
                // Nobody else would get further now.
                hop.route = Route::Unknown;
                if hop.links == 0 {
                    self.fail_all(key, Fate::Deferred, said);
                }
            }
            Stage::Ready => self.outcomes.push(outcome(delivery, Fate::Deferred, said)),
        }
    }
}

fn outcome(delivery: Delivery, fate: Fate, said: &Said) -> Outcome {
    let Delivery { slot, recipients, .. } = delivery;
    let verdicts = recipients.iter().map(|_| Verdict { fate, said: said.clone() }).collect();
    Outcome { slot, recipients, verdicts, dsn: false }
}

/// A connection to a host, with its first message.
fn session(
    number: u32,
    target: &Target,
    plain: bool,
    mail: Mail,
    rules: &Rules,
    news: Sender<News>,
    now: Instant,
) -> Box<dyn Session> {
    let tell: Tell = Box::new(move |told, io| {
        // Of this, somebody hears as long as there is a relay.
        let _ = news.send(News { link: number, session: io.id(), told });
        // With too much to be told in one turn, it is found a little later.
        let _full = io.tell(DESK.into(), Box::new(Rung));
    });
    let server = rules.trust.clone().filter(|_| !plain).and_then(|trust| Server::new(&target.name, trust).ok());
    let manner = match server {
        Some(_) => rules.manner.clone(),
        None if rules.manner.security == Security::Offered => {
            Arc::new(Manner { security: Security::Never, login: None, ..(*rules.manner).clone() })
        }
        None => rules.manner.clone(),
    };
    let client = Box::new(Client::new(manner, Some(Box::new(mail)), tell, now));
    match server {
        Some(server) => Box::new(Secured::in_the_clear(client, server)),
        None => client,
    }
}

/// A connection told something.
#[derive(Debug)]
pub(super) struct Rung;
