//! SMTP (RFC 5321).

pub mod client;
pub mod queue;
