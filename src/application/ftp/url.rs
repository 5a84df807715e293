//! `ftp://` or `ftps://[user[:password]@]host[:port]/folder/…/name[;type=a|i]` (RFC 1738 §3.2, RFC 3986).

use std::fmt;
use std::str::FromStr;

use super::{PORT, SECURE_PORT};

/// What a URL names.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    /// Who logs in; `anonymous` if nobody is named.
    pub user: String,
    /// With which password.
    pub password: String,
    /// A name, or an address without brackets.
    pub host: String,
    /// The port of the control connection.
    pub port: u16,
    /// The directories to go through, one after the other. The first is absolute if it begins with a slash, written `%2F`.
    pub folders: Vec<String>,
    /// The file.
    pub name: String,
    /// Whether lines are converted.
    pub ascii: bool,
    /// Whether it is under TLS from the first byte on, as `ftps://` says.
    pub secure: bool,
}

/// Why a text is no URL of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    /// It begins otherwise.
    #[error("does not begin with ftp:// or ftps://")]
    Scheme,
    /// There is none, or it cannot be read.
    #[error("names no host and port")]
    Host,
    /// It ends with a slash, or has none.
    #[error("names no file")]
    Name,
    /// `;type=` says something else than `a` or `i`.
    #[error("has a type that is neither a nor i")]
    Type,
    /// A `%` is not followed by two digits, what they mean is not UTF-8, or a control character.
    #[error("has a % in it that means no character")]
    Escape,
}

impl fmt::Debug for Url {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Url { user, password: _, host, port, folders, name, ascii, secure } = self;
        f.debug_struct("Url")
            .field("user", user)
            .field("host", host)
            .field("port", port)
            .field("folders", folders)
            .field("name", name)
            .field("ascii", ascii)
            .field("secure", secure)
            .finish_non_exhaustive()
    }
}

impl FromStr for Url {
    type Err = BadUrl;

    fn from_str(text: &str) -> Result<Url, BadUrl> {
        let (scheme, rest) = text.split_once("://").ok_or(BadUrl::Scheme)?;
        let (secure, usual) = match scheme.to_ascii_lowercase().as_str() {
            "ftp" => (false, PORT),
            "ftps" => (true, SECURE_PORT),
            _ => return Err(BadUrl::Scheme),
        };
        let (authority, path) = rest.split_once('/').ok_or(BadUrl::Name)?;
        let (login, place) =
            authority.rsplit_once('@').map_or((None, authority), |(login, place)| (Some(login), place));
        let (user, password) = match login {
            None => ("anonymous".to_owned(), "taphouse@".to_owned()),
            Some(login) => {
                let (user, password) = login.split_once(':').unwrap_or((login, ""));
                (decoded(user)?, decoded(password)?)
            }
        };
        let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, rest)) => (host, rest),
            None => place.split_at(place.find(':').unwrap_or(place.len())),
        };
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => usual,
            Some("") => usual,
            Some(digits) => digits.parse().ok().filter(|port| *port > 0).ok_or(BadUrl::Host)?,
            None => return Err(BadUrl::Host),
        };
        let host = Some(host).filter(|host| !host.is_empty()).ok_or(BadUrl::Host)?;
        let (path, ascii) = match path.rsplit_once(";type=") {
            None => (path, false),
            Some((path, "a" | "A")) => (path, true),
            Some((path, "i" | "I")) => (path, false),
            Some(_) => return Err(BadUrl::Type),
        };
        let mut parts = path.split('/').map(decoded).collect::<Result<Vec<_>, _>>()?;
        let name = parts.pop().filter(|name| !name.is_empty()).ok_or(BadUrl::Name)?;
        // An empty one would say CWD without an argument, which leads anywhere.
        parts.retain(|folder| !folder.is_empty());
        Ok(Url { user, password, host: host.to_owned(), port, folders: parts, name, ascii, secure })
    }
}

/// What `%` hides. A control character would be another command.
fn decoded(text: &str) -> Result<String, BadUrl> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((byte, behind)) = rest.split_first() {
        (bytes, rest) = match byte {
            b'%' => {
                let digits = behind.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
                let digits = digits.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
                bytes.push(digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).ok_or(BadUrl::Escape)?);
                (bytes, &behind[2..])
            }
            byte => {
                bytes.push(*byte);
                (bytes, behind)
            }
        };
    }
    let text = String::from_utf8(bytes).map_err(|_| BadUrl::Escape)?;
    if text.chars().any(char::is_control) { Err(BadUrl::Escape) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read() {
        let url: Url = "ftp://10.77.0.2/file".parse().unwrap();
        assert_eq!((url.user.as_str(), url.host.as_str(), url.port), ("anonymous", "10.77.0.2", 21));
        assert_eq!((url.folders, url.name.as_str(), url.ascii), (vec![], "file", false));
        let url: Url = "FTP://al%40ice:a%3Ab%2F@[fd77::2]:2121/%2Fa/b%20c/ü%25;type=a".parse().unwrap();
        assert_eq!((url.user.as_str(), url.password.as_str()), ("al@ice", "a:b/"));
        assert_eq!((url.host.as_str(), url.port), ("fd77::2", 2121));
        assert_eq!((url.folders, url.name.as_str(), url.ascii), (vec!["/a".into(), "b c".into()], "ü%", true));
        let url: Url = "ftps://x/y".parse().unwrap();
        assert_eq!((url.port, url.secure), (990, true));
        for (text, why) in [
            ("http://x/y", BadUrl::Scheme),
            ("ftp://x", BadUrl::Name),
            ("ftp://x/", BadUrl::Name),
            ("ftp:///y", BadUrl::Host),
            ("ftp://x:0/y", BadUrl::Host),
            ("ftp://[fd77::2]2121/y", BadUrl::Host),
            ("ftp://x/y;type=e", BadUrl::Type),
            ("ftp://x/y%0d%0aDELE z", BadUrl::Escape),
            ("ftp://x/y%+1", BadUrl::Escape),
            ("ftp://x/y%", BadUrl::Escape),
        ] {
            assert_eq!(text.parse::<Url>().err(), Some(why), "{text}");
        }
    }
}
