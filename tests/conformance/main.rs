//! What RFCs ask of a host below the transport layer, and which test shows that ours does it: one file an RFC.
//!
//! `docs/conformance.md` is made of these tables by `scripts/conformance`; the tests here fail when it is stale, or when a test
//! that is named does not exist. Whether it passes it says itself.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

mod rfc1122;
mod rfc2131;
mod rfc2132;
mod rfc3168;
mod rfc4191;
mod rfc4443;
mod rfc4861;
mod rfc4862;
mod rfc5095;
mod rfc5227;
mod rfc5321;
mod rfc5722;
mod rfc5942;
mod rfc6864;
mod rfc6946;
mod rfc6980;
mod rfc7112;
mod rfc7217;
mod rfc7559;
mod rfc7739;
mod rfc791;
mod rfc792;
mod rfc8106;
mod rfc8200;
mod rfc8201;
mod rfc826;
mod rfc8504;
mod rfc8883;
mod rfc903;
mod rfc9131;
mod rfc9776;
mod rfc9777;

/// How much an RFC asks for something (RFC 2119).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Must,
    Should,
    May,
}

/// How it is shown that we do it.
pub(crate) enum Shown {
    /// By the test of this name in this file.
    By(&'static str, &'static str),
    /// We do not, and why.
    Not(&'static str),
}

/// One thing that an RFC asks for.
pub(crate) struct Requirement {
    pub(crate) section: &'static str,
    pub(crate) level: Level,
    /// A few words of our own.
    pub(crate) words: &'static str,
    pub(crate) shown: Shown,
}

/// What one RFC asks for.
pub(crate) struct Rfc {
    pub(crate) number: u16,
    pub(crate) title: &'static str,
    pub(crate) requirements: &'static [Requirement],
}

const TABLES: &[Rfc] = &[
    rfc791::RFC,
    rfc792::RFC,
    rfc826::RFC,
    rfc903::RFC,
    rfc1122::RFC,
    rfc2131::RFC,
    rfc2132::RFC,
    rfc3168::RFC,
    rfc4191::RFC,
    rfc4443::RFC,
    rfc4861::RFC,
    rfc4862::RFC,
    rfc5095::RFC,
    rfc5227::RFC,
    rfc5321::RFC,
    rfc5722::RFC,
    rfc5942::RFC,
    rfc6864::RFC,
    rfc6946::RFC,
    rfc6980::RFC,
    rfc7112::RFC,
    rfc7217::RFC,
    rfc7559::RFC,
    rfc7739::RFC,
    rfc8106::RFC,
    rfc8200::RFC,
    rfc8201::RFC,
    rfc8504::RFC,
    rfc8883::RFC,
    rfc9131::RFC,
    rfc9776::RFC,
    rfc9777::RFC,
];

const FILE: &str = "docs/conformance.md";
/// Set by `scripts/conformance`: the file is written, not compared.
const WRITE: &str = "TAPHOUSE_WRITE_CONFORMANCE";

fn document() -> String {
    let mut text = String::from(
        "# Conformance\n\n\
         What RFCs ask of a host below the transport layer, and of its mail, and the test that shows it. Made by `scripts/conformance` of the\n\
         tables in `tests/conformance`; a test fails when it is stale.\n",
    );
    for Rfc { number, title, requirements } in TABLES {
        let _ = writeln!(
            text,
            "\n## RFC {number}: {title}\n\n| section | | requirement | test, or why not |\n|---|---|---|---|"
        );
        for Requirement { section, level, words, shown } in *requirements {
            let level = format!("{level:?}").to_uppercase();
            let shown = match shown {
                Shown::By(file, test) => format!("`{file}`: `{test}`"),
                Shown::Not(why) => format!("**no**: {why}"),
            };
            let _ = writeln!(text, "| {section} | {level} | {words} | {shown} |");
        }
    }
    text
}

#[test]
fn the_document_is_not_stale() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    if std::env::var_os(WRITE).is_some() {
        fs::write(&path, document()).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == document(), "{FILE} is stale: run scripts/conformance");
}

#[test]
fn every_test_that_is_named_exists() {
    for Rfc { number, requirements, .. } in TABLES {
        for Requirement { shown, .. } in *requirements {
            let Shown::By(file, test) = shown else { continue };
            let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file));
            let text = text.unwrap_or_else(|why| panic!("RFC {number}: {file}: {why}"));
            let place =
                text.find(&format!("fn {test}()")).unwrap_or_else(|| panic!("RFC {number}: no {test} in {file}"));
            let before = text[..place].trim_end();
            assert!(before.ends_with("#[test]"), "RFC {number}: {test} in {file} is no test");
        }
    }
}

#[test]
fn the_tables_are_in_order_and_say_something() {
    assert!(TABLES.windows(2).all(|pair| pair[0].number < pair[1].number));
    assert!(TABLES.iter().all(|rfc| !rfc.requirements.is_empty()));
}
