//! How a service of datagrams is woken by others, on whatever thread they are.

use std::fmt;
use std::sync::Arc;

/// Wakes a service that has somewhere to look: a channel, a directory.
#[derive(Clone)]
pub struct Bell(Arc<dyn Fn() -> bool + Send + Sync>);

/// What a service hears then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung;

impl Bell {
    /// One that calls `ring`, which says whether somebody will hear it.
    pub fn new(ring: impl Fn() -> bool + Send + Sync + 'static) -> Bell {
        Bell(Arc::new(ring))
    }

    /// Rings. Never waits; false: nobody hears it now.
    pub fn ring(&self) -> bool {
        let Bell(ring) = self;
        ring()
    }
}

impl fmt::Debug for Bell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bell")
    }
}
