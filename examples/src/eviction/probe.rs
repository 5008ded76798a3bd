//! The request: a task that tells when it starts, and ends.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use occamy_core::{Error, ErrorKind, Task, TaskContext, TaskDetails};
use tokio::sync::oneshot;

/// Tells when it starts. If it is dropped without having run, so is the sender, and the receiver hears of that.
pub(super) struct Probe(Mutex<Option<oneshot::Sender<Instant>>>);

impl Task for Probe {
    fn details(&self) -> TaskDetails {
        TaskDetails::default().group("request")
    }

    fn run(&self, _: &TaskContext) -> Result<(), Error> {
        let now = Instant::now();
        if let Some(sender) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // Nobody listens any more if the program is being ended.
            let _ = sender.send(now);
        }
        Ok(())
    }
}

/// Where the handler finds the sender of the request that is on its way.
#[derive(Debug, Default)]
pub(super) struct Pending(Mutex<Option<oneshot::Sender<Instant>>>);

impl Pending {
    /// Expects a request. What is returned resolves when it starts, or fails when it is dropped unstarted.
    pub(super) fn expect(&self) -> oneshot::Receiver<Instant> {
        let (sender, receiver) = oneshot::channel();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        receiver
    }

    /// The task of the request that was expected.
    pub(super) fn probe(&self) -> Result<Probe, Error> {
        let sender = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let unexpected = || Error::new(ErrorKind::InvalidTask, "no request was expected");
        Ok(Probe(Mutex::new(Some(sender.ok_or_else(unexpected)?))))
    }
}
