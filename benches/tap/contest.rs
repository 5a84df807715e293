//! A bench whose contenders are processes of their own: the same program, told by its first word which part it has.

use std::process::ExitCode;

use crate::lab::{self, Failure};

/// What is measured: how many rounds, and only rows that begin so; returns what was asked and not reached.
type Measure = fn(usize, Option<&str>) -> Result<Vec<String>, Failure>;

/// Begins as the words of the command line have it: as a contender, or as the one who measures in so many `rounds`.
pub(crate) fn begin(
    name: &str,
    contender: fn(&[String]) -> Result<(), Failure>,
    obstacle: fn() -> Option<&'static str>,
    rounds: usize,
    measure: Measure,
) -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if let Some(("--contender", words)) = arguments.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        return finish(name, contender(words).map(|()| Vec::new()), false);
    }
    // `cargo test --benches` runs this too, and is to measure nothing.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return ExitCode::SUCCESS;
    }
    if let Some(obstacle) = lab::obstacle().or_else(obstacle) {
        println!("SKIPPED: {obstacle}");
        return ExitCode::SUCCESS;
    }
    let value = |name: &str| arguments.iter().skip_while(|argument| *argument != name).nth(1);
    let rounds = value("--rounds").and_then(|rounds| rounds.parse().ok()).unwrap_or(rounds);
    let required = arguments.iter().any(|argument| argument == "--require");
    finish(name, measure(rounds, value("--row").map(String::as_str)), required)
}

fn finish(name: &str, result: Result<Vec<String>, Failure>, required: bool) -> ExitCode {
    match result {
        Ok(missed) => {
            missed.iter().for_each(|line| println!("\nMISSED  {line}"));
            if required && !missed.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
        }
        Err(why) => {
            eprintln!("{name}: {why}");
            ExitCode::FAILURE
        }
    }
}
