//! The program: reads its arguments, then runs.

#[allow(dead_code, reason = "used once the loop runs")]
mod cli;

use std::process::ExitCode;

use cli::Parsed;

fn main() -> ExitCode {
    match cli::parse(std::env::args_os()) {
        Ok(Parsed::Show(text)) => print!("{text}"),
        Ok(Parsed::Run(settings)) if settings.check => print!("{}", cli::card::check(&settings)),
        Ok(Parsed::Run(settings)) => eprint!("{}", cli::card::card(&settings, "not attached yet")),
        Err(error) => {
            eprintln!("taphouse: {error}");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}
