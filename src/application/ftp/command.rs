//! What a client says: one command a line (RFC 959 §5.3).

/// The commands that are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    User,
    Pass,
    Acct,
    Cwd,
    Cdup,
    Pwd,
    Type,
    Stru,
    Mode,
    Port,
    Pasv,
    Eprt,
    Epsv,
    Retr,
    Stor,
    Stou,
    Appe,
    Allo,
    Rest,
    Dele,
    Rnfr,
    Rnto,
    Mkd,
    Rmd,
    List,
    Nlst,
    Mlst,
    Mlsd,
    Size,
    Mdtm,
    Mfmt,
    Stat,
    Help,
    Noop,
    Syst,
    Site,
    Feat,
    Opts,
    Clnt,
    Host,
    Abor,
    Quit,
    Rein,
    Smnt,
    Auth,
    Pbsz,
    Prot,
    Ccc,
    /// SITE CHMOD and SITE UTIME.
    SiteChmod,
    SiteUtime,
}

/// All names, those of RFC 775 among them.
const NAMES: &[(&str, Verb)] = &[
    ("USER", Verb::User),
    ("PASS", Verb::Pass),
    ("ACCT", Verb::Acct),
    ("CWD", Verb::Cwd),
    ("XCWD", Verb::Cwd),
    ("CDUP", Verb::Cdup),
    ("XCUP", Verb::Cdup),
    ("PWD", Verb::Pwd),
    ("XPWD", Verb::Pwd),
    ("TYPE", Verb::Type),
    ("STRU", Verb::Stru),
    ("MODE", Verb::Mode),
    ("PORT", Verb::Port),
    ("PASV", Verb::Pasv),
    ("EPRT", Verb::Eprt),
    ("EPSV", Verb::Epsv),
    ("RETR", Verb::Retr),
    ("STOR", Verb::Stor),
    ("STOU", Verb::Stou),
    ("APPE", Verb::Appe),
    ("ALLO", Verb::Allo),
    ("REST", Verb::Rest),
    ("DELE", Verb::Dele),
    ("RNFR", Verb::Rnfr),
    ("RNTO", Verb::Rnto),
    ("MKD", Verb::Mkd),
    ("XMKD", Verb::Mkd),
    ("RMD", Verb::Rmd),
    ("XRMD", Verb::Rmd),
    ("LIST", Verb::List),
    ("NLST", Verb::Nlst),
    ("MLST", Verb::Mlst),
    ("MLSD", Verb::Mlsd),
    ("SIZE", Verb::Size),
    ("MDTM", Verb::Mdtm),
    ("MFMT", Verb::Mfmt),
    ("STAT", Verb::Stat),
    ("HELP", Verb::Help),
    ("NOOP", Verb::Noop),
    ("SYST", Verb::Syst),
    ("SITE", Verb::Site),
    ("FEAT", Verb::Feat),
    ("OPTS", Verb::Opts),
    ("CLNT", Verb::Clnt),
    ("HOST", Verb::Host),
    ("ABOR", Verb::Abor),
    ("QUIT", Verb::Quit),
    ("REIN", Verb::Rein),
    ("SMNT", Verb::Smnt),
    ("AUTH", Verb::Auth),
    ("PBSZ", Verb::Pbsz),
    ("PROT", Verb::Prot),
    ("CCC", Verb::Ccc),
];

/// A line, read: the command if it is known, and what stands behind the first space.
pub(super) fn read(line: &[u8]) -> (Option<Verb>, &[u8]) {
    let space = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
    let (name, rest) = line.split_at(space);
    let known = NAMES.iter().find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes()));
    (known.map(|(_, verb)| *verb), rest.strip_prefix(b" ").unwrap_or(rest))
}

/// The names of all commands, for HELP.
pub(super) fn names() -> Vec<String> {
    NAMES.chunks(12).map(|row| row.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" ")).collect()
}

impl Verb {
    /// Whether it may come before the user is known.
    pub(super) fn is_for_all(self) -> bool {
        use Verb::{
            Abor, Acct, Auth, Ccc, Clnt, Feat, Help, Host, Noop, Opts, Pass, Pbsz, Prot, Quit, Rein, Syst, User,
        };
        let security = matches!(self, Auth | Pbsz | Prot | Ccc);
        security
            || matches!(self, User | Pass | Acct | Quit | Noop | Help | Syst | Feat | Opts | Clnt | Host | Rein | Abor)
    }

    /// Whether it changes what lies on the disk.
    pub(super) fn writes(self) -> bool {
        use Verb::{Appe, Dele, Mfmt, Mkd, Rmd, Rnfr, Rnto, SiteChmod, SiteUtime, Stor, Stou};
        matches!(self, Stor | Stou | Appe | Dele | Rnfr | Rnto | Mkd | Rmd | Mfmt | SiteChmod | SiteUtime)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read() {
        assert_eq!(read(b"retr a b "), (Some(Verb::Retr), &b"a b "[..]));
        assert_eq!(read(b"XPWD"), (Some(Verb::Pwd), &b""[..]));
        assert_eq!(read(b"RETR  a"), (Some(Verb::Retr), &b" a"[..]), "a name may begin with a space");
        for unknown in [&b""[..], b"RET", b"RETRO x", b" RETR x", b"\xff"] {
            assert_eq!(read(unknown).0, None);
        }
        assert!(names().join(" ").contains("MLSD"));
    }
}
