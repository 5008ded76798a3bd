//! A thread on which everything happens that has to happen in time: the connection, the leases, fetching.

use std::{io, thread};

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::CancellationToken;

/// A thread with a runtime of its own. A program whose other threads all compute, tokio's workers included, keeps its
/// connection and its leases all the same. Everything on it ends when this is dropped, which may happen anywhere: nobody
/// waits for the thread.
///
/// ```
/// use occamy_transport::IoThread;
///
/// let thread = IoThread::start("occamy-example")?;
/// let name = thread.handle().spawn(async { std::thread::current().name().map(str::to_owned) });
/// # let name = tokio::runtime::Builder::new_current_thread().build()?.block_on(name)?;
/// assert_eq!(name.as_deref(), Some("occamy-example"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct IoThread {
    handle: Handle,
    end: CancellationToken,
}

impl IoThread {
    /// Starts a thread of this name, of which Linux shows 15 bytes.
    ///
    /// # Errors
    ///
    /// If the system has no thread, or no descriptors for its runtime.
    pub fn start(name: &str) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (handle, end) = (runtime.handle().clone(), CancellationToken::new());
        let ended = end.clone();
        thread::Builder::new().name(name.into()).spawn(move || {
            runtime.block_on(ended.cancelled());
            // Without waiting for what blocks, such as a lookup of a host's address.
            runtime.shutdown_background();
        })?;
        Ok(Self { handle, end })
    }

    /// Where futures are spawned that are to run on it. After the end they are dropped instead.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for IoThread {
    fn drop(&mut self) {
        self.end.cancel();
    }
}
