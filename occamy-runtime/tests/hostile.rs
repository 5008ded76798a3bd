//! What users may do to a server in code that we call, or drop, without meaning any harm.

mod common;

#[path = "hostile/calling.rs"]
mod calling;
#[path = "hostile/dropping.rs"]
mod dropping;
#[path = "hostile/logging.rs"]
mod logging;
#[path = "hostile/storm.rs"]
mod storm;
#[path = "hostile/timing.rs"]
mod timing;

use std::fmt;

/// Does something when it is dropped.
struct OnDrop(Box<dyn Fn() + Send + Sync>);

impl OnDrop {
    fn new(act: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Box::new(act))
    }
}

impl Drop for OnDrop {
    fn drop(&mut self) {
        (self.0)();
    }
}

impl fmt::Debug for OnDrop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnDrop")
    }
}

impl fmt::Display for OnDrop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a source of errors")
    }
}

impl std::error::Error for OnDrop {}

impl AsRef<[u8]> for OnDrop {
    fn as_ref(&self) -> &[u8] {
        b"a body"
    }
}
