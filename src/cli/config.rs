//! The configuration file: TOML, with the names of the long options.

use std::fmt;
use std::fs;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::str::FromStr;

use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use taphouse::application::rtp::payload::Binding;
use taphouse::base::address::{Address, Cidr, Mac};
use taphouse::run::trace::Protocol;
use toml::Spanned;

use super::UsageError;
use super::groups::GroupWish;
use super::mail::MailWishes;
use super::names::HostPort;
use super::relay::{DnsServer, MailName, RelayWishes};
use super::rtp::ReflectWish;
use super::services::ServiceWish;
use super::settings::DeviceChoice;

use super::wishes::{AddressWish, Given, Number, Origin, RtpWishes, Size, UserWish, Wishes};

/// Reads a configuration file.
pub(super) fn load(path: &Path) -> Result<Wishes, UsageError> {
    let name = path.display();
    let text = fs::read_to_string(path).map_err(|error| {
        UsageError(format!("--config `{name}` cannot be read: {error}: give the path of a TOML file"))
    })?;
    read(&name.to_string(), &text)
}

/// Reads the text of a configuration file; `name` is what errors call it.
pub(super) fn read(name: &str, text: &str) -> Result<Wishes, UsageError> {
    let file: File = toml::from_str(text).map_err(|error| {
        let place = error.span().map_or(String::new(), |span| format!(":{}", line_at(text, span.start)));
        let message = error.message().lines().collect::<Vec<_>>().join(", ");
        UsageError(format!("{name}{place}: {message}"))
    })?;
    file.into_wishes(&Source { name: name.into(), text })
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    tap: Option<Spanned<Text<String>>>,
    netns: Option<Spanned<Text<String>>>,
    host: Option<List<Cidr>>,
    no_host: Option<Spanned<bool>>,
    address: Option<List<AddressWish>>,
    no_probe: Option<bool>,
    gateway: Option<List<Address>>,
    mac: Option<Spanned<Text<Mac>>>,
    mtu: Option<Spanned<Text<Number>>>,
    vlan: Option<Spanned<Text<Number>>>,
    device: Option<Spanned<Text<DeviceChoice>>>,
    queues: Option<Spanned<Text<Number>>>,
    busy_poll: Option<Spanned<Text<Number>>>,
    memory: Option<Spanned<Text<Size>>>,
    services: Option<List<ServiceWish>>,
    group: Option<List<GroupWish>>,
    multicast_ttl: Option<Spanned<Text<Number>>>,
    root: Option<Spanned<Text<PathBuf>>>,
    tls_cert: Option<Spanned<Text<PathBuf>>>,
    tls_key: Option<Spanned<Text<PathBuf>>>,
    state: Option<Spanned<Text<PathBuf>>>,
    writable: Option<bool>,
    rtp_record: Option<Spanned<Text<PathBuf>>>,
    rtp_map: Option<List<Binding>>,
    rtp_group: Option<List<GroupWish>>,
    rtp_reflect: Option<Spanned<Text<ReflectWish>>>,
    rtp_feedback: Option<bool>,
    mail_domain: Option<List<MailName>>,
    mail_size: Option<Spanned<Text<Size>>>,
    mail_relay_from: Option<List<Cidr>>,
    mail_mend_lines: Option<bool>,
    mail_clear_passwords: Option<bool>,
    smarthost: Option<Spanned<Text<HostPort>>>,
    smarthost_login: Option<Spanned<Text<PathBuf>>>,
    smarthost_ca: Option<Spanned<Text<PathBuf>>>,
    dns: Option<Spanned<Text<DnsServer>>>,
    mail_name: Option<Spanned<Text<MailName>>>,
    mail_retry: Option<Spanned<Text<Number>>>,
    mail_lifetime: Option<Spanned<Text<Number>>>,
    mail_patience: Option<Spanned<Text<Number>>>,
    record: Option<Spanned<Text<PathBuf>>>,
    trace: Option<List<Protocol>>,
    rarp: Option<Vec<Spanned<Rarp>>>,
    user: Option<Vec<Spanned<User>>>,
}

/// RFC 903: who we tell which address.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Rarp {
    mac: Text<Mac>,
    address: Text<Address>,
}

/// Who may log in.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct User {
    name: Text<String>,
    password: Text<String>,
    home: Text<String>,
}

impl File {
    fn into_wishes(self, source: &Source<'_>) -> Result<Wishes, UsageError> {
        let File {
            tap,
            netns,
            host,
            no_host,
            address,
            no_probe,
            gateway,
            mac,
            mtu,
            vlan,
            device,
            queues,
            busy_poll,
            memory,
            services,
            group,
            multicast_ttl,
            root,
            tls_cert,
            tls_key,
            state,
            writable,
            rtp_record,
            rtp_map,
            rtp_group,
            rtp_reflect,
            rtp_feedback,
            mail_domain,
            mail_size,
            mail_relay_from,
            mail_mend_lines,
            mail_clear_passwords,
            smarthost,
            smarthost_login,
            smarthost_ca,
            dns,
            mail_name,
            mail_retry,
            mail_lifetime,
            mail_patience,
            record,
            trace,
            rarp,
            user,
        } = self;
        let host = host.map(|list| source.each(list));
        let host = match no_host {
            Some(no) if *no.get_ref() && host.is_some() => {
                let Given { origin, .. } = source.given(no);
                let why = "stands beside host: leave out one or the other";
                return Err(UsageError(format!("{} {why}", origin.names("no-host"))));
            }
            Some(no) if *no.get_ref() => Some(Vec::new()),
            _ => host,
        };
        let rarp = rarp.map(|entries| {
            let pairs = entries.into_iter().map(|entry| {
                let Given { value: Rarp { mac, address }, origin } = source.given(entry);
                Given { value: (mac.0, address.0), origin }
            });
            pairs.collect()
        });
        let users = user.map(|entries| {
            let each = entries.into_iter().map(|entry| {
                let Given { value: User { name, password, home }, origin } = source.given(entry);
                Given { value: UserWish { name: name.0, password: password.0, home: home.0 }, origin }
            });
            each.collect()
        });
        Ok(Wishes {
            tap: tap.map(|value| source.text(value)),
            netns: netns.map(|value| source.text(value)),
            host,
            address: address.map(|list| source.each(list)),
            no_probe: no_probe.unwrap_or(false),
            gateway: gateway.map(|list| source.each(list)),
            mac: mac.map(|value| source.text(value)),
            mtu: mtu.map(|value| source.text(value)),
            vlan: vlan.map(|value| source.text(value)),
            device: device.map(|value| source.text(value)),
            queues: queues.map(|value| source.text(value)),
            busy_poll: busy_poll.map(|value| source.text(value)),
            memory: memory.map(|value| source.text(value)),
            services: services.map(|list| source.each(list)),
            group: group.map(|list| source.each(list)),
            multicast_ttl: multicast_ttl.map(|value| source.text(value)),
            root: root.map(|value| source.text(value)),
            tls_cert: tls_cert.map(|value| source.text(value)),
            tls_key: tls_key.map(|value| source.text(value)),
            state: state.map(|value| source.text(value)),
            writable: writable.unwrap_or(false),
            rtp: RtpWishes {
                record: rtp_record.map(|value| source.text(value)),
                map: rtp_map.map(|list| source.each(list)),
                groups: rtp_group.map(|list| source.each(list)),
                reflect: rtp_reflect.map(|value| source.text(value)),
                feedback: rtp_feedback.unwrap_or(false),
            },
            mail: MailWishes {
                domains: mail_domain.map(|value| source.each(value)),
                size: mail_size.map(|value| source.text(value)),
                relay_from: mail_relay_from.map(|value| source.each(value)),
                mend_lines: mail_mend_lines.unwrap_or_default(),
                clear_passwords: mail_clear_passwords.unwrap_or_default(),
            },
            relay: RelayWishes {
                smarthost: smarthost.map(|value| source.text(value)),
                smarthost_login: smarthost_login.map(|value| source.text(value)),
                smarthost_ca: smarthost_ca.map(|value| source.text(value)),
                dns: dns.map(|value| source.text(value)),
                mail_name: mail_name.map(|value| source.text(value)),
                mail_retry: mail_retry.map(|value| source.text(value)),
                mail_lifetime: mail_lifetime.map(|value| source.text(value)),
                mail_patience: mail_patience.map(|value| source.text(value)),
            },
            record: record.map(|value| source.text(value)),
            trace: trace.map(|list| source.each(list)),
            rarp,
            users,
            check: false,
        })
    }
}

/// The file, to turn the position of a value into its line.
struct Source<'a> {
    name: Rc<str>,
    text: &'a str,
}

impl Source<'_> {
    fn given<T>(&self, value: Spanned<T>) -> Given<T> {
        let line = line_at(self.text, value.span().start);
        Given { value: value.into_inner(), origin: Origin::File { path: self.name.clone(), line } }
    }

    fn text<T>(&self, value: Spanned<Text<T>>) -> Given<T> {
        let Given { value: Text(value), origin } = self.given(value);
        Given { value, origin }
    }

    fn each<T>(&self, List(values): List<T>) -> Vec<Given<T>> {
        values.into_iter().map(|value| self.text(value)).collect()
    }
}

fn line_at(text: &str, position: usize) -> usize {
    1 + text.bytes().take(position).filter(|byte| *byte == b'\n').count()
}

/// A value that is read from text as on the command line; a number may stand without quotes.
struct Text<T>(T);

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor(PhantomData))
    }
}

struct TextVisitor<T>(PhantomData<T>);

impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for TextVisitor<T> {
    type Value = Text<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one value, in quotes unless it is a number")
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<T>, E> {
        text.parse().map(Text).map_err(E::custom)
    }
    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Text<T>, E> {
        self.visit_str(&number.to_string())
    }
}

/// Values in brackets.
struct List<T>(Vec<Spanned<Text<T>>>);

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListVisitor(PhantomData))
    }
}

struct ListVisitor<T>(PhantomData<T>);

impl<'de, T: FromStr<Err: fmt::Display>> Visitor<'de> for ListVisitor<T> {
    type Value = List<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list in brackets, like [\"one\", \"two\"]")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<List<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = values.next_element()? {
            list.push(value);
        }
        Ok(List(list))
    }
}

#[cfg(test)]
mod tests;
