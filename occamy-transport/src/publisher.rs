//! The publisher of a transport: at once, or through the outbox.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use occamy_core::transport::{PublishError, Publisher};
use occamy_core::{BoxFuture, Headers};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{self, error::TrySendError};

use crate::line::{Address, Line};
use crate::outbox::Outbox;

/// Sends over a line.
pub struct LinePublisher<L: Line> {
    line: Arc<L>,
    runtime: Handle,
    outbox: mpsc::Sender<L::Letter>,
}

impl<L: Line> LinePublisher<L> {
    /// A publisher for this line, whose futures run over there; and the outbox of so many messages behind it.
    pub fn open(line: &Arc<L>, runtime: &Handle, bound: usize) -> (Self, Outbox) {
        let (sender, outbox) = Outbox::open(Arc::clone(line), runtime, bound);
        (Self { line: Arc::clone(line), runtime: runtime.clone(), outbox: sender }, outbox)
    }

    fn publish(
        &self,
        address: Address,
        headers: &Headers,
        body: Bytes,
    ) -> BoxFuture<'static, Result<(), PublishError>> {
        let letter = self.line.letter(address, headers, body);
        let (line, runtime, closed) = (Arc::clone(&self.line), self.runtime.clone(), self.outbox.is_closed());
        async move {
            let letter = letter?;
            if closed {
                return Err(PublishError::Closed);
            }
            // Over there is a timer, whatever this is polled on.
            let sending = runtime.spawn(async move { line.send(letter).await });
            sending.await.unwrap_or(Err(PublishError::Closed))
        }
        .boxed()
    }

    fn post(&self, address: Address, headers: &Headers, body: Bytes) -> Result<(), PublishError> {
        let letter = self.line.letter(address, headers, body)?;
        self.outbox.try_send(letter).map_err(|error| match error {
            TrySendError::Full(_) => PublishError::Full,
            TrySendError::Closed(_) => PublishError::Closed,
        })
    }
}

impl<L: Line> Publisher for LinePublisher<L> {
    fn request(&self, headers: Headers, body: Bytes) -> BoxFuture<'static, Result<(), PublishError>> {
        self.publish(Address::Request, &headers, body)
    }

    fn control(&self, headers: Headers, body: Bytes) -> BoxFuture<'static, Result<(), PublishError>> {
        self.publish(Address::Control, &headers, body)
    }

    fn try_request(&self, headers: Headers, body: Bytes) -> Result<(), PublishError> {
        self.post(Address::Request, &headers, body)
    }

    fn try_control(&self, headers: Headers, body: Bytes) -> Result<(), PublishError> {
        self.post(Address::Control, &headers, body)
    }
}

impl<L: Line> std::fmt::Debug for LinePublisher<L> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LinePublisher").field("outbox", &self.outbox).finish_non_exhaustive()
    }
}
