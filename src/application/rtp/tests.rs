//! The algorithms of RFC 3550 against straightforward re-statements of its appendix, a session of thousands in virtual
//! time, and everything that is hostile.

mod appendix;
mod crowd;
mod hostile;
mod session;
