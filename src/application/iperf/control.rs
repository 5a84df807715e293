//! A connection to iperf3's port: the first of a test controls it, the others carry its data.

use std::time::Duration;

use super::Iperf;
use super::data::{Carrier, Signal};
use super::datagrams::Sender;
use super::protocol::{COOKIE, Parameters, State, framed, unframed};
use super::test::{Direction, Party, Phase, STREAMS, Test};
use crate::application::{Data, Io, Message, Session, SessionId, Stream, Used};
use crate::base::stream::{Coalescing, Ending};
use crate::base::time::Instant;

/// How long a client may take for its parameters and streams before another may come.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a connection turned out to be.
enum Role {
    /// It has not said yet.
    New,
    /// It controls the test.
    Control,
    /// It carries data.
    Data(Carrier),
    /// It is of no use any more.
    Over,
}

/// A connection.
pub(super) struct Control {
    iperf: Iperf,
    role: Role,
    /// Sends the datagrams of a test, if it is one of UDP towards the client.
    sender: Option<Sender>,
    /// When a client that takes too long is given up.
    patience: Option<Instant>,
}

impl Control {
    pub(super) fn new(iperf: Iperf) -> Control {
        Control { iperf, role: Role::New, sender: None, patience: None }
    }

    /// The cookie says which test the connection belongs to.
    fn introduce(&mut self, cookie: [u8; COOKIE], stream: &mut Stream<'_>) {
        let Some(id) = stream.io.id() else { return };
        let now = stream.io.now();
        let role = self.iperf.with(|current| match current {
            None => {
                *current = Some(Test::new(cookie, id));
                Role::Control
            }
            Some(test) if test.cookie == cookie && test.phase == Phase::Streams && !test.parameters.udp => {
                let Some(position) = test.add(Party::Tcp(id)) else { return Role::Over };
                if test.parameters.nodelay {
                    stream.set_coalescing(Coalescing::None);
                }
                if test.is_complete() {
                    // The control connection hears of it when this call is over.
                    let _full = stream.io.tell(test.control, Box::new(Signal::Complete));
                }
                Role::Data(Carrier::new(position, test.streams[position].direction))
            }
            Some(_) => Role::Over,
        });
        match role {
            Role::Control => {
                self.patience = Some(now + PATIENCE);
                stream.set_coalescing(Coalescing::None);
                say(State::ParamExchange, stream);
            }
            Role::Over => {
                say(State::AccessDenied, stream);
                stream.close();
            }
            Role::New | Role::Data(_) => {}
        }
        self.role = role;
    }

    /// What the client says on the control connection; how many bytes of it were understood.
    fn hear(&mut self, bytes: &[u8], stream: &mut Stream<'_>) -> usize {
        let now = stream.io.now();
        let Some(phase) = self.iperf.with(|current| current.as_ref().map(|test| test.phase)) else {
            return bytes.len();
        };
        match (phase, bytes) {
            (Phase::Parameters, _) => match unframed(bytes) {
                Ok(None) => 0,
                Ok(Some((json, length))) => {
                    match serde_json::from_slice::<Parameters>(json) {
                        Ok(parameters) if (1..=STREAMS).contains(&parameters.parallel) => {
                            self.agree(parameters, stream);
                        }
                        _ => self.refuse(stream),
                    }
                    length
                }
                Err(()) => {
                    self.refuse(stream);
                    bytes.len()
                }
            },
            (Phase::Results, _) => match unframed(bytes) {
                Ok(None) => 0,
                Ok(Some((_what_it_counted, length))) => {
                    let results = self.iperf.with(|current| {
                        current.as_mut().map(|test| {
                            test.phase = Phase::Display;
                            test.results(now)
                        })
                    });
                    if let Some(results) = results {
                        stream.write(&framed(&results));
                        say(State::DisplayResults, stream);
                    }
                    length
                }
                Err(()) => {
                    self.refuse(stream);
                    bytes.len()
                }
            },
            (Phase::Running | Phase::Streams, [byte, ..]) if *byte == State::TestEnd.byte() => {
                self.finish(stream);
                say(State::ExchangeResults, stream);
                1
            }
            (_, [byte, ..]) if *byte == State::IperfDone.byte() || *byte == State::ClientTerminate.byte() => {
                self.finish(stream);
                self.iperf.with(|current| *current = None);
                self.role = Role::Over;
                stream.close();
                bytes.len()
            }
            _ => bytes.len().min(1),
        }
    }

    fn agree(&mut self, parameters: Parameters, stream: &mut Stream<'_>) {
        self.iperf.with(|current| {
            if let Some(test) = current {
                test.parameters = parameters;
                test.phase = Phase::Streams;
            }
        });
        say(State::CreateStreams, stream);
    }

    fn refuse(&mut self, stream: &mut Stream<'_>) {
        // iperf3's own words for it: "unable to receive parameters", and no errno.
        const UNREADABLE: i32 = 114;
        stream.write(&[&[State::ServerError.byte()][..], &UNREADABLE.to_be_bytes(), &[0; 4]].concat());
        stream.close();
    }

    /// All streams are there: the data may flow.
    fn begin(&mut self, stream: &mut Stream<'_>) {
        let now = stream.io.now();
        self.patience = None;
        let (parties, sender) = self.iperf.with(|current| {
            let Some(test) = current.as_mut().filter(|test| test.phase == Phase::Streams) else {
                return (Vec::new(), None);
            };
            test.begin(now);
            let parties: Vec<SessionId> = tcp_parties(test);
            let sends = test.streams.iter().any(|stream| stream.direction == Direction::Send);
            (parties, (test.parameters.udp && sends).then(|| Sender::new(&test.parameters, now)))
        });
        self.sender = sender;
        say(State::TestStart, stream);
        say(State::TestRunning, stream);
        for party in parties {
            let _full = stream.io.tell(party, Box::new(Signal::Start));
        }
    }

    /// The data have flowed.
    fn finish(&mut self, stream: &mut Stream<'_>) {
        let now = stream.io.now();
        self.sender = None;
        let parties = self.iperf.with(|current| {
            current.as_mut().map_or(Vec::new(), |test| {
                test.check_omitted(now);
                test.end(now);
                tcp_parties(test)
            })
        });
        for party in parties {
            let _full = stream.io.tell(party, Box::new(Signal::Stop));
        }
    }
}

fn tcp_parties(test: &Test) -> Vec<SessionId> {
    let tcp = |party: &Party| if let Party::Tcp(id) = party { Some(*id) } else { None };
    test.streams.iter().filter_map(|stream| tcp(&stream.party)).collect()
}

fn say(state: State, stream: &mut Stream<'_>) {
    stream.write(&[state.byte()]);
}

impl Session for Control {
    fn on_data(&mut self, data: Data<'_>, stream: &mut Stream<'_>) -> Used {
        let bytes = data.bytes();
        let mut used = 0;
        loop {
            let rest = &bytes[used..];
            let more = match &mut self.role {
                Role::New => match rest.first_chunk::<COOKIE>() {
                    Some(cookie) => {
                        self.introduce(*cookie, stream);
                        COOKIE
                    }
                    None => 0,
                },
                Role::Control => self.hear(rest, stream),
                Role::Data(carrier) => {
                    carrier.received(&self.iperf, rest.len(), stream.io.now());
                    rest.len()
                }
                Role::Over => rest.len(),
            };
            used += more;
            if more == 0 || used == bytes.len() {
                return Used::Bytes(used);
            }
        }
    }

    fn on_room(&mut self, stream: &mut Stream<'_>) {
        if let Role::Data(carrier) = &mut self.role {
            carrier.send(&self.iperf, stream);
        }
    }

    fn on_message(&mut self, _from: Option<SessionId>, message: Message, stream: &mut Stream<'_>) {
        let Ok(signal) = message.downcast::<Signal>() else { return };
        match (*signal, &mut self.role) {
            (Signal::Complete, Role::Control) => self.begin(stream),
            (Signal::Start, Role::Data(carrier)) => {
                carrier.start();
                carrier.send(&self.iperf, stream);
            }
            (Signal::Stop, Role::Data(carrier)) => {
                carrier.stop();
                stream.close();
            }
            _ => {}
        }
    }

    fn on_gone(&mut self, _ending: Ending, _io: &mut Io<'_>) {
        if matches!(self.role, Role::Control) {
            self.iperf.with(|current| *current = None);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.sender.as_ref().map(Sender::deadline).into_iter().chain(self.patience).min()
    }

    fn on_timer(&mut self, stream: &mut Stream<'_>) {
        let now = stream.io.now();
        if self.patience.is_some_and(|patience| patience <= now) {
            self.patience = None;
            self.refuse(stream);
        }
        if let Some(sender) = &mut self.sender {
            self.iperf.with(|current| {
                if let Some(test) = current {
                    test.check_omitted(now);
                    sender.send(test, stream);
                }
            });
        }
    }
}
