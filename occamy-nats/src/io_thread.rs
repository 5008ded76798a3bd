//! The thread on which everything happens that has to happen in time: the connection, the leases, pulling.

use std::{io, thread};

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::CancellationToken;

/// A thread with a runtime of its own. A program whose other threads all compute, tokio's workers included, keeps its
/// connection and its leases all the same. Everything on it ends when this is dropped.
pub(crate) struct IoThread {
    handle: Handle,
    end: CancellationToken,
}

impl IoThread {
    pub(crate) fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (handle, end) = (runtime.handle().clone(), CancellationToken::new());
        let ended = end.clone();
        thread::Builder::new().name("occamy-nats".into()).spawn(move || {
            runtime.block_on(ended.cancelled());
            // Without waiting for what blocks, such as a lookup of a host's address.
            runtime.shutdown_background();
        })?;
        Ok(Self { handle, end })
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }
}

/// May happen anywhere, so nobody waits for the thread.
impl Drop for IoThread {
    fn drop(&mut self) {
        self.end.cancel();
    }
}
