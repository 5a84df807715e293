//! SMTP: RFC 5321, with what RFC 1870, 2034, 2920, 3030, 3207, 3461, 4954, 6152, 6409, 6531, 8314 and 9422 made of it.
//!
//! # Theory of operation
//!
//! ```text
//!   clients ──▶ server ──▶ maildir   mail for users of ours
//!                  │          ▲
//!                  ▼          │ what comes back to them
//!                queue ──▶  relay ──▶ client ──▶ next hops
//!                  ▲          │
//!                  └── dsn ◀──┘   what comes back to others
//! ```
//!
//! Who answers 250 has the message on its disk ([`server`], [`maildir`], [`queue`]); who was answered 250 by a next hop takes it out
//! of its queue ([`relay`]). In between a message is a file, and its envelope another one. What cannot be delivered is told to its
//! sender ([`dsn`]). The [`client`] is also what `taphouse send` runs.
//!
//! Read first: RFC 5321, RFC 3464, RFC 6409.

pub mod address;
pub mod client;
pub mod dsn;
pub mod maildir;
pub mod queue;
pub mod relay;
pub mod server;
