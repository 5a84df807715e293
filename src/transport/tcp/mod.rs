//! TCP (RFC 9293). So far only its CLOSED state: nobody listens, so every segment is answered with a reset.

mod closed;

pub use closed::refuse;
