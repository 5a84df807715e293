//! SMTP (RFC 5321).

pub mod address;
pub mod client;
pub mod dsn;
pub mod maildir;
pub mod queue;
pub mod relay;
pub mod server;
