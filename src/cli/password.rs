//! `taphouse password`: the hash of a password, for the configuration.

use std::io::{self, IsTerminal as _};

use anyhow::{Context as _, Result, anyhow};
use taphouse::application::accounts::PasswordHash;

/// Reads a password and prints its hash. From a terminal it is asked for twice, and not shown.
///
/// # Errors
/// One line that says what, why and what to do.
pub(crate) fn password() -> Result<()> {
    let password = if io::stdin().is_terminal() { ask()? } else { line()? };
    if password.is_empty() {
        return Err(anyhow!("the password is empty, which anybody guesses: type another"));
    }
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|why| anyhow!("the kernel gives no randomness: {why}"))?;
    let hash = PasswordHash::of(password.as_bytes(), &salt).map_err(|why| anyhow!("the password: {why}"))?;
    println!("{hash}");
    Ok(())
}

fn ask() -> Result<String> {
    let read = |prompt| rpassword::prompt_password(prompt).context("the terminal cannot be read");
    let password = read("Password: ")?;
    if read("Once more: ")? == password { Ok(password) } else { Err(anyhow!("the two are not the same: try again")) }
}

fn line() -> Result<String> {
    let mut line = String::new();
    io::stdin().read_line(&mut line).context("standard input cannot be read")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
