//! A thread of the transport's own, with a runtime for whatever talks to Redis.
//!
//! Servers compute. If leases were renewed where they do, a task that keeps all of the program's runtime busy would lose
//! its own. And a settlement may be polled by a thread that knows no runtime: it is carried out here.

use std::io;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// The thread. It ends, with all that runs there, when this is dropped.
pub(super) struct Thread {
    pub(super) runtime: Handle,
    _end: oneshot::Sender<()>,
}

impl Thread {
    pub(super) fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel();
        thread::Builder::new().name("occamy-redis".into()).spawn(move || {
            // An error is what there is to wait for: the other end is gone.
            let _ = runtime.block_on(ended);
            // A name that is still being looked up is nothing to wait for.
            runtime.shutdown_background();
        })?;
        Ok(Self { runtime: handle, _end: end })
    }
}
