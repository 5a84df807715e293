//! How a connection gets ready for mail: the greeting, EHLO, STARTTLS, AUTH.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::super::queue::Said;
use super::reply::{Offers, Reply};
use super::transaction::said;
use super::{Client, Expected, Login, Manner, Security, Stage, State};
use crate::application::Stream;
use crate::base::address::Family;
use crate::base::limits;

impl Client {
    /// One of these was answered.
    pub(super) fn of_opening(&mut self, expected: Expected, reply: &Reply, stream: &mut Stream<'_>) {
        match (expected, reply.code) {
            (Expected::Greeting, 220) => {
                self.server = server(reply, stream);
                self.say_ehlo(stream);
            }
            (Expected::Ehlo, 250) => {
                self.offers = Offers::read(reply);
                self.greeted(stream);
            }
            // RFC 5321 §3.2: an old server, or one that cannot now.
            (Expected::Ehlo, 500..=504 | 550) if !self.secured => {
                let line = format!("HELO {}", self.own_name(stream));
                self.say(Expected::Helo, &line, stream);
            }
            (Expected::Helo, 250) => {
                self.offers = Offers::default();
                self.greeted(stream);
            }
            (Expected::StartTls, 220) => {
                // RFC 3207 §4.2: what was said before is forgotten.
                (self.state, self.secured, self.offers) = (State::Handshake, true, Offers::default());
                self.deadline = stream.io.now() + limits::TLS_HANDSHAKE;
                stream.secure();
            }
            (Expected::StartTls, _) if self.manner.security == Security::Offered && self.manner.login.is_none() => {
                self.ready(stream);
            }
            (Expected::StartTls, _) => self.give_up(Stage::Insecure, said(reply, &self.server), stream),
            (Expected::Plain | Expected::LoginEnd, 235) => self.ready(stream),
            (Expected::LoginUser, 334) => self.say_secret(Expected::LoginPassword, |login| &login.user, stream),
            (Expected::LoginPassword, 334) => self.say_secret(Expected::LoginEnd, |login| &login.password, stream),
            _ => self.give_up(Stage::Unready, said(reply, &self.server), stream),
        }
    }

    /// Says who we are, first of all or under TLS again.
    pub(super) fn say_ehlo(&mut self, stream: &mut Stream<'_>) {
        let line = format!("EHLO {}", self.own_name(stream));
        self.say(Expected::Ehlo, &line, stream);
    }

    fn own_name(&self, stream: &Stream<'_>) -> String {
        let own = stream.flow().local.address;
        match (&self.manner.name, own.family()) {
            (Some(name), _) => name.clone(),
            (None, Family::V4) => format!("[{own}]"),
            (None, Family::V6) => format!("[IPv6:{own}]"),
        }
    }

    /// The server has greeted us back.
    fn greeted(&mut self, stream: &mut Stream<'_>) {
        let Manner { security, login, .. } = &*self.manner;
        let wanted = *security != Security::Never && !self.secured;
        if wanted && self.offers.starttls {
            return self.say(Expected::StartTls, "STARTTLS", stream);
        }
        let refused = |code: &str, text: &str| Said { code: code.to_owned(), text: text.to_owned(), by: None };
        if wanted && *security == Security::Required {
            return self.give_up(Stage::Insecure, refused("4.7.10", "the server offers no TLS (STARTTLS)"), stream);
        }
        let Some(Login { user, password }) = login else { return self.ready(stream) };
        if wanted {
            let why = "the server offers no TLS, and a password is not sent in the clear";
            return self.give_up(Stage::Insecure, refused("4.7.10", why), stream);
        }
        if self.offers.plain {
            let line = format!("AUTH PLAIN {}", BASE64.encode(format!("\0{user}\0{password}")));
            self.say(Expected::Plain, &line, stream);
        } else if self.offers.login {
            self.say(Expected::LoginUser, "AUTH LOGIN", stream);
        } else {
            let why = "the server offers no way to log in that we know (AUTH PLAIN, LOGIN)";
            self.give_up(Stage::Unready, refused("4.7.0", why), stream);
        }
    }

    fn say_secret(&mut self, expected: Expected, which: fn(&Login) -> &String, stream: &mut Stream<'_>) {
        let secret = self.manner.login.as_ref().map(which).cloned().unwrap_or_default();
        self.say(expected, &BASE64.encode(secret), stream);
    }
}

/// Who greets: the first word, if it looks like a name, and the address.
fn server(reply: &Reply, stream: &Stream<'_>) -> String {
    let address = stream.flow().remote.address;
    let name = reply.lines.first().and_then(|line| line.split(' ').next()).unwrap_or_default();
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    if name.contains('.') && name.len() < 256 && name.chars().all(is_name) {
        format!("{name} ({address})")
    } else {
        format!("[{address}]")
    }
}
