//! What lists look like: the one of `ls -l` that every client reads (LIST), names (NLST), and facts (RFC 3659 §7).

use std::os::unix::ffi::OsStrExt as _;

use super::super::{Kind, Metadata, Named};

/// How names are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// LIST, at this time: what is older than half a year is told with its year.
    Long(i64),
    /// NLST.
    Names,
    /// MLSD and MLST.
    Facts,
}

/// Parts of a moment in universal time.
struct Date {
    year: i64,
    month: usize,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAY: i64 = 86_400;
const HALF_A_YEAR: i64 = 182 * DAY;

impl Date {
    /// Seconds since 1970. Days are counted from March 1st of the year 0, for then the leap day is a year's last.
    fn of(seconds: i64) -> Date {
        let (days, rest) = (seconds.div_euclid(DAY) + 719_468, seconds.rem_euclid(DAY));
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * day_of_year + 2) / 153;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        Date {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month: month as usize,
            day: day_of_year - (153 * from_march + 2) / 5 + 1,
            hour: rest / 3600,
            minute: rest / 60 % 60,
            second: rest % 60,
        }
    }
}

/// A moment as MDTM tells it (RFC 3659 §2.3).
pub(super) fn time_value(seconds: i64) -> String {
    let Date { year, month, day, hour, minute, second } = Date::of(seconds);
    format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}")
}

/// Reads such a moment; fractions of a second are left out.
pub(super) fn read_time_value(text: &str) -> Option<i64> {
    let digits = text.split('.').next()?;
    if digits.len() != 14 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = |from: usize, to: usize| digits[from..to].parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
    let (hour, minute, second) = (number(8, 10)?, number(10, 12)?, number(12, 14)?);
    let (year_from_march, from_march) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let era = year_from_march.div_euclid(400);
    let year_of_era = year_from_march.rem_euclid(400);
    let day_of_year = (153 * from_march + 2) / 5 + day - 1;
    let days = era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468;
    let seconds = days * DAY + hour * 3600 + minute * 60 + second;
    // What is no date, as the 30th of February, would be another one. A leap second is not told apart.
    (time_value(seconds) == digits).then_some(seconds)
}

/// The facts of one thing (RFC 3659 §7.5).
pub(super) fn facts(named: &Named, writable: bool) -> String {
    let Named { metadata: Metadata { kind, length, modified }, leads_to, .. } = named;
    let modify = time_value(*modified);
    match (kind, writable) {
        (Kind::Directory, true) => format!("type=dir;modify={modify};perm=elcmp;"),
        (Kind::Directory, false) => format!("type=dir;modify={modify};perm=el;"),
        // RFC 3659 §7.7.4. A semicolon would end the fact.
        (Kind::Link, writable) => {
            let leads_to = leads_to.as_ref().map(|to| to.to_string_lossy()).filter(|to| !to.contains(';'));
            let kind = leads_to.map_or("symlink".to_owned(), |to| format!("slink:{to}"));
            format!("type=OS.unix={kind};modify={modify};perm={};", if writable { "df" } else { "" })
        }
        (_, true) => format!("type=file;size={length};modify={modify};perm=radfw;"),
        (_, false) => format!("type=file;size={length};modify={modify};perm=r;"),
    }
}

/// Adds one line for one thing.
pub(super) fn add(text: &mut Vec<u8>, named: &Named, format: Format, writable: bool) {
    let Named { name, metadata, leads_to } = named;
    match format {
        Format::Names => {}
        Format::Facts => {
            text.extend(facts(named, writable).as_bytes());
            text.push(b' ');
        }
        Format::Long(now) => text.extend(long(metadata, now).as_bytes()),
    }
    text.extend(name.as_bytes());
    if let (Format::Long(_), Some(leads_to)) = (format, leads_to) {
        text.extend(b" -> ");
        text.extend(leads_to.as_bytes());
    }
    text.extend(b"\r\n");
}

fn long(Metadata { kind, length, modified }: &Metadata, now: i64) -> String {
    let (mode, links) = match kind {
        Kind::Directory => ("drwxr-xr-x", 2),
        Kind::Link => ("lrwxrwxrwx", 1),
        Kind::File | Kind::Other => ("-rw-r--r--", 1),
    };
    let Date { year, month, day, hour, minute, .. } = Date::of(*modified);
    let month = MONTHS[(month - 1) % 12];
    let when = if (now - HALF_A_YEAR..=now + DAY).contains(modified) {
        format!("{hour:02}:{minute:02}")
    } else {
        format!("{year:5}")
    };
    format!("{mode} {links:3} ftp      ftp      {length:>12} {month} {day:2} {when} ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_told_and_read() {
        for (seconds, text) in [
            (0, "19700101000000"),
            (951_782_400, "20000229000000"),
            (1_700_000_000, "20231114221320"),
            (4_102_444_799, "20991231235959"),
            (-1, "19691231235959"),
        ] {
            assert_eq!(time_value(seconds), text);
            assert_eq!(read_time_value(text), Some(seconds));
        }
        assert_eq!(read_time_value("20231114221320.5"), Some(1_700_000_000));
        for wrong in ["", "20230230000000", "2023111422132", "20231301000000", "+0231114221320", "20231114246000"] {
            assert_eq!(read_time_value(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn lists_are_written() {
        let named = |kind, length, leads_to: Option<&str>| {
            let metadata = Metadata { kind, length, modified: 1_700_000_000 };
            Named { name: "a b".into(), metadata, leads_to: leads_to.map(Into::into) }
        };
        let (file, folder) = (named(Kind::File, 42, None), named(Kind::Directory, 4096, None));
        let link = named(Kind::Link, 6, Some("../etc"));
        let line = |named, format| {
            let mut text = Vec::new();
            add(&mut text, named, format, false);
            String::from_utf8(text).unwrap()
        };
        let soon = Format::Long(1_700_000_100);
        assert_eq!(line(&file, soon), "-rw-r--r--   1 ftp      ftp                42 Nov 14 22:13 a b\r\n");
        let later = Format::Long(1_800_000_000);
        assert_eq!(line(&folder, later), "drwxr-xr-x   2 ftp      ftp              4096 Nov 14  2023 a b\r\n");
        assert_eq!(line(&link, soon), "lrwxrwxrwx   1 ftp      ftp                 6 Nov 14 22:13 a b -> ../etc\r\n");
        assert_eq!(line(&link, Format::Names), "a b\r\n");
        assert_eq!(line(&link, Format::Facts), "type=OS.unix=slink:../etc;modify=20231114221320;perm=; a b\r\n");
        assert_eq!(line(&file, Format::Names), "a b\r\n");
        assert_eq!(line(&file, Format::Facts), "type=file;size=42;modify=20231114221320;perm=r; a b\r\n");
        assert_eq!(line(&folder, Format::Facts), "type=dir;modify=20231114221320;perm=el; a b\r\n");
    }
}
