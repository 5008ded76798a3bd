//! What a broker has to offer to whom sends.

use std::time::Duration;

use bytes::Bytes;
use occamy_core::transport::PublishError;
use occamy_core::{BoxFuture, Headers};

use crate::connectivity::Connectivity;

/// Whom a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// One server.
    Request,
    /// Every server.
    Control,
}

/// The broker's word that it has a message, once it gives it.
pub type Confirmation = BoxFuture<'static, Result<(), PublishError>>;

/// A way to the broker, over which messages are sent: what [`LinePublisher`](crate::LinePublisher) and
/// [`Outbox`](crate::Outbox) need of it. Its futures are polled on the runtime of the transport's thread.
pub trait Line: Send + Sync + 'static {
    /// A message as it goes over this line.
    type Letter: Send + 'static;

    /// Makes a letter of a message: encoded, and not too large.
    ///
    /// # Errors
    ///
    /// If it can't be sent over this line, whatever its state.
    fn letter(&self, address: Address, headers: &Headers, body: Bytes) -> Result<Self::Letter, PublishError>;

    /// Writes a letter to the connection, which may be gone meanwhile.
    ///
    /// # Errors
    ///
    /// If there is no connection for the time that a message may take, or it has been closed.
    fn write(&self, letter: Self::Letter) -> BoxFuture<'_, Result<Confirmation, PublishError>>;

    /// Sends a letter and waits for the broker to say that it has it. A line that can send twice without harm does so until
    /// its time is over.
    ///
    /// # Errors
    ///
    /// If the broker has not confirmed it in the time that a message may take.
    fn send(&self, letter: Self::Letter) -> BoxFuture<'_, Result<(), PublishError>> {
        Box::pin(async move { self.write(letter).await?.await })
    }

    /// How long a message may take to be sent.
    fn patience(&self) -> Duration;

    /// Whether there is a connection, and whom to tell of messages that could not be sent.
    fn connectivity(&self) -> &Connectivity;

    /// Nothing more will be sent: ends the connection. Tells whether the broker knows.
    fn hang_up(&self) -> BoxFuture<'_, bool>;
}
