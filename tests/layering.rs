//! Reads `src/` and checks who imports whom: the spine knows the order, leaves know the protocol, siblings do not know
//! each other.

use std::fs;
use std::path::{Path, PathBuf};

/// Every floor, and the floors that it may import besides itself.
const TABLE: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("buffer", &["base"]),
    ("wire", &["base"]),
    ("device", &["base", "buffer"]),
    ("link", &["base", "buffer", "wire"]),
    ("internet", &["base", "buffer", "wire", "link"]),
    ("transport", &[]),
    ("transport/endpoints", &["base"]),
    ("transport/udp", &["base", "buffer", "wire"]),
    ("transport/tcp", &["base", "buffer", "wire"]),
    ("application", &["base", "buffer"]),
    (
        "stack",
        &[
            "base",
            "buffer",
            "wire",
            "device",
            "link",
            "internet",
            "transport/endpoints",
            "transport/udp",
            "transport/tcp",
            "application",
        ],
    ),
    // A UDP socket keeps the blocks that its port took.
    ("sockets", &["base", "buffer", "device", "application", "stack", "transport/endpoints", "transport/tcp"]),
    // Storage threads read into blocks and write from them.
    ("run", &["base", "buffer", "device", "application", "stack"]),
    // The program: what it imports of the library it calls `taphouse::…`.
    ("cli", &["taphouse/base", "taphouse/device", "taphouse/application", "taphouse/stack", "taphouse/run"]),
    ("main", &["cli", "taphouse/base", "taphouse/device", "taphouse/application", "taphouse/stack", "taphouse/run"]),
    ("lib", &[]),
];

/// The only file with `unsafe` in it.
const UNSAFE: &str = "src/device/sys.rs";
/// The only module above the devices that transmits.
const TRANSMITS: &str = "src/stack/net";

/// A line of code outside of tests and comments.
struct Line {
    file: String,
    number: usize,
    code: String,
}

/// A file of `src/` without its comments and tests.
struct Source {
    /// As `src/link/arp.rs`.
    name: String,
    /// As `["link", "arp"]`.
    module: Vec<String>,
    lines: Vec<Line>,
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    files(&root.join("src"), &mut found);
    found.sort();
    let name = |path: &PathBuf| path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
    let of_tests = |path: &&PathBuf| path.file_name().is_some_and(|file| file == "tests.rs");
    found
        .iter()
        .filter(|path| !of_tests(path))
        .map(|path| source(name(path), &fs::read_to_string(path).unwrap()))
        .collect()
}

fn source(name: String, text: &str) -> Source {
    let stem = name.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    let module = stem.split('/').map(str::to_owned).collect();
    let mut lines = Vec::new();
    let mut test_only = false;
    for (number, line) in (1..).zip(text.lines()) {
        // Tests are the end of a file.
        if test_only && line.trim_start().starts_with("mod ") && line.ends_with('{') {
            break;
        }
        test_only = line.trim() == "#[cfg(test)]";
        let code = line.split("//").next().unwrap_or_default().to_owned();
        lines.push(Line { file: name.clone(), number, code });
    }
    Source { name, module, lines }
}

/// The floor on which a path of modules lies.
fn floor(path: &[String]) -> String {
    match path {
        [transport, protocol, ..] if transport == "transport" => format!("transport/{protocol}"),
        [taphouse, floor, ..] if taphouse == "taphouse" => format!("taphouse/{floor}"),
        [floor, ..] => floor.clone(),
        [] => "lib".to_owned(),
    }
}

/// The paths that `text` begins with, `a::{b, c::d}` as two of them; no deeper than two names.
fn paths(prefix: &[String], text: &str, found: &mut Vec<Vec<String>>) {
    let text = text.trim_start();
    if prefix.len() >= 2 {
        return found.push(prefix.to_vec());
    }
    if let Some(group) = text.strip_prefix('{') {
        let (mut depth, mut start) = (0, 0);
        for (at, letter) in group.char_indices() {
            match letter {
                '{' => depth += 1,
                '}' if depth > 0 => depth -= 1,
                ',' | '}' if depth == 0 => {
                    paths(prefix, &group[start..at], found);
                    start = at + 1;
                    if letter == '}' {
                        return;
                    }
                }
                _ => {}
            }
        }
        return;
    }
    let end = text.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    if word.is_empty() {
        return;
    }
    let path = [prefix, &[word.to_owned()]].concat();
    match rest.strip_prefix("::") {
        Some(rest) => paths(&path, rest, found),
        None => found.push(path),
    }
}

/// The places in `code` where `word` begins a path.
fn beginnings<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
    code.match_indices(word).filter_map(|(at, _)| {
        let before = code[..at].chars().next_back().unwrap_or(' ');
        let inside = before.is_alphanumeric() || before == '_' || before == ':';
        (!inside).then(|| (at, &code[at + word.len()..]))
    })
}

/// Where each `use` or path of a file leads: the line, and the path from the root of the crate.
fn imports(source: &Source) -> Vec<(usize, Vec<String>)> {
    let code = source.lines.iter().map(|line| line.code.as_str()).collect::<Vec<_>>().join("\n");
    let line_of = |at: usize| source.lines[code[..at].matches('\n').count()].number;
    let mut imports = Vec::new();
    let mut add = |at, prefix: &[String], text: &str| {
        let mut found = Vec::new();
        paths(prefix, text, &mut found);
        imports.extend(found.into_iter().map(|path| (line_of(at), path)));
    };
    for (at, rest) in beginnings(&code, "crate::") {
        add(at, &[], rest);
    }
    for (at, rest) in beginnings(&code, "taphouse::") {
        add(at, &["taphouse".to_owned()], rest);
    }
    for (at, mut rest) in beginnings(&code, "super::") {
        let mut module = source.module.clone();
        module.pop();
        while let Some(further) = rest.strip_prefix("super::") {
            module.pop();
            rest = further;
        }
        add(at, &module, rest);
    }
    imports
}

fn complain(what: &str, complaints: &[String]) {
    assert!(complaints.is_empty(), "{what}:\n  {}\n", complaints.join("\n  "));
}

#[test]
fn every_floor_imports_only_what_the_table_lets_it() {
    let mut complaints = Vec::new();
    for source in sources() {
        let own = floor(&source.module);
        let Some((_, may)) = TABLE.iter().find(|(name, _)| *name == own) else {
            complaints.push(format!("{}: the floor `{own}` is not in the table", source.name));
            continue;
        };
        for (line, path) in imports(&source) {
            let imported = floor(&path);
            if imported != own && !may.contains(&imported.as_str()) {
                let (name, path) = (&source.name, path.join("::"));
                complaints.push(format!("{name}:{line}: `{own}` imports `{path}` of `{imported}`; it may {may:?}"));
            }
        }
    }
    complain("somebody imports what it must not know", &complaints);
}

#[test]
fn only_one_file_is_unsafe() {
    let mut complaints = Vec::new();
    for line in sources().into_iter().filter(|source| source.name != UNSAFE).flat_map(|source| source.lines) {
        let unsafely = beginnings(&line.code, "unsafe").any(|(_, rest)| !rest.starts_with('_'));
        if unsafely || line.code.contains("allow(unsafe_code)") {
            complaints.push(format!("{}:{}: {}", line.file, line.number, line.code.trim()));
        }
    }
    complain(&format!("`unsafe` outside of {UNSAFE}"), &complaints);
}

#[test]
fn only_one_module_transmits() {
    let mut complaints = Vec::new();
    for source in
        sources().into_iter().filter(|source| !source.name.starts_with(TRANSMITS) && source.module[0] != "device")
    {
        for line in source.lines.iter().filter(|line| line.code.contains(".transmit(")) {
            complaints.push(format!("{}:{}: {}", line.file, line.number, line.code.trim()));
        }
    }
    complain(&format!("`.transmit(` outside of src/device and {TRANSMITS}"), &complaints);
}

#[test]
fn the_reader_sees_groups_and_the_way_up() {
    let text = "use crate::{base::limits, wire};\nuse super::super::tcp::Header;\n// use crate::run;\nfn f() { crate::stack::g() }\n\
                #[cfg(test)]\nmod tests {\nuse crate::cli;\n}";
    let found = imports(&source("src/transport/udp/ports.rs".to_owned(), text));
    let mut floors: Vec<_> = found.iter().map(|(line, path)| (*line, floor(path))).collect();
    floors.sort();
    let expected = [(1, "base"), (1, "wire"), (2, "transport/tcp"), (4, "stack")];
    assert_eq!(floors, expected.map(|(line, floor)| (line, floor.to_owned())));
}
