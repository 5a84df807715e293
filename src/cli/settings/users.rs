//! Who may log in, as the configuration says.

use taphouse::application::accounts::PasswordHash;
use taphouse::base::limits;

use super::User;
use crate::cli::wishes::{Given, UserWish};

/// The users, each of them usable.
pub(super) fn users_of(wishes: Vec<Given<UserWish>>) -> Result<Vec<User>, String> {
    let mut users: Vec<User> = Vec::new();
    for Given { value: UserWish { name, password, home }, origin } in wishes {
        let wrong = match (check_name(&name), password.parse::<PasswordHash>(), home.parse()) {
            (Some(wrong), ..) => format!("name `{name}` {wrong}"),
            _ if users.iter().any(|user| user.name == name) => format!("name `{name}` is there twice: leave one out"),
            _ if users.len() == limits::USERS => format!("there are more than {}: leave some out", limits::USERS),
            (_, Err(why), _) => format!("the password of `{name}` {why}: make one with `taphouse password`"),
            (.., Err(why)) => format!("home `{home}` of `{name}` {why}: write it like {name}"),
            (None, Ok(password), Ok(home)) => {
                users.push(User { name, password, home });
                continue;
            }
        };
        return Err(format!("{}: {wrong}", origin.names("user")));
    }
    Ok(users)
}

fn check_name(name: &str) -> Option<&'static str> {
    if name.is_empty() || name.len() > limits::USER_NAME {
        Some("is empty or longer than 64 bytes: choose another")
    } else if name.contains(|c: char| c.is_control() || c.is_whitespace()) {
        Some("has a space or a control character in it: leave it out")
    } else if name.contains('/') || name.starts_with('.') {
        Some("has a slash in it or begins with a dot, and a directory is named so: leave it out")
    } else if ["anonymous", "ftp"].iter().any(|taken| name.eq_ignore_ascii_case(taken)) {
        Some("is what FTP calls everybody: choose another")
    } else {
        None
    }
}
