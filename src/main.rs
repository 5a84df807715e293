//! The program: reads its arguments, then runs.

mod cli;

use std::process::ExitCode;

use cli::Parsed;

fn main() -> ExitCode {
    let done = match cli::parse(std::env::args_os()) {
        Ok(Parsed::Run(settings)) if settings.check => return show(&cli::card::check(&settings)),
        Ok(Parsed::Run(settings)) => cli::up::up(&settings),
        Ok(Parsed::Transfer(request, settings)) => cli::transfer::transfer(&request, &settings),
        Ok(Parsed::Send(settings, args)) => cli::send::send(&settings, &args),
        Ok(Parsed::Password) => cli::password::password(),
        Ok(Parsed::Stream(settings, args)) => cli::stream::stream(&settings, &args),
        Ok(Parsed::Show(text)) => return show(&text),
        Err(unusable) => {
            eprintln!("taphouse: {unusable}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            eprintln!("taphouse: {failed:#}");
            ExitCode::FAILURE
        }
    }
}

fn show(text: &str) -> ExitCode {
    print!("{text}");
    ExitCode::SUCCESS
}
