//! SMTP (RFC 5321).

pub mod client;
pub mod dsn;
pub mod queue;
pub mod relay;
