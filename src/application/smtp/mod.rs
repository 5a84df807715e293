//! SMTP (RFC 5321).

pub mod address;
pub mod client;
pub mod maildir;
pub mod queue;
pub mod server;
