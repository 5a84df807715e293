//! Replies by the names of what they say (RFC 959 §4.2, and those that came later).

/// What a reply says, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
#[allow(dead_code, reason = "all of RFC 959 §4.2 has a name here, also what this server never says")]
pub(super) enum Code {
    RestartMarker = 110,
    ReadyInMinutes = 120,
    TransferStarting = 125,
    OpeningData = 150,
    Okay = 200,
    Superfluous = 202,
    SystemStatus = 211,
    DirectoryStatus = 212,
    FileStatus = 213,
    HelpMessage = 214,
    SystemType = 215,
    ServiceReady = 220,
    Closing = 221,
    DataOpen = 225,
    TransferComplete = 226,
    EnteringPassive = 227,
    /// RFC 2428 §3.
    EnteringExtendedPassive = 229,
    LoggedIn = 230,
    /// RFC 2228 §5.1.
    SecurityBegins = 234,
    FileActionDone = 250,
    PathIs = 257,
    NeedPassword = 331,
    NeedAccount = 332,
    FileActionPending = 350,
    NotAvailable = 421,
    NoDataConnection = 425,
    TransferAborted = 426,
    FileBusy = 450,
    LocalError = 451,
    InsufficientStorage = 452,
    SyntaxError = 500,
    ParameterError = 501,
    NotImplemented = 502,
    BadSequence = 503,
    ParameterNotImplemented = 504,
    /// RFC 2428 §2.
    ProtocolNotSupported = 522,
    NotLoggedIn = 530,
    NeedAccountForStoring = 532,
    /// RFC 2228 §5.1, RFC 4217 §5.
    ProtectionDenied = 533,
    PolicyDenies = 534,
    LevelNotSupported = 536,
    FileUnavailable = 550,
    PageTypeUnknown = 551,
    StorageExceeded = 552,
    NameNotAllowed = 553,
    /// RFC 3659 §5.3.
    InvalidRestart = 554,
}

impl Code {
    /// One line.
    pub(super) fn line(self, text: &str) -> String {
        format!("{} {text}\r\n", self as u16)
    }

    /// Several lines between a first and a last (RFC 959 §4.2). Each begins with a space, so that none looks like the last.
    pub(super) fn lines(self, first: &str, between: &[String], last: &str) -> String {
        let mut text = format!("{}-{first}\r\n", self as u16);
        for line in between {
            text.push(' ');
            text.push_str(line);
            text.push_str("\r\n");
        }
        text + &self.line(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_look_as_they_are_to() {
        assert_eq!(Code::TransferComplete.line("Done."), "226 Done.\r\n");
        let lines = Code::SystemStatus.lines("Extensions:", &["SIZE".to_owned(), "MDTM".to_owned()], "End");
        assert_eq!(lines, "211-Extensions:\r\n SIZE\r\n MDTM\r\n211 End\r\n");
    }
}
