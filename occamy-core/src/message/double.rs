//! A message without a broker, which keeps its verdict for a test to look at.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::{Message, MessageOrigin};
use crate::transport::settlement_error;
use crate::{BoxFuture, Error, Headers, Verdict};

/// A message for unit tests: made by hand, and it tells how it was settled.
///
/// ```
/// use occamy_core::{Headers, Message, TestMessage, Verdict};
///
/// let message = TestMessage::new(Headers::new().with("task-id", "a"), "body").with_attempt(2);
/// let settled = message.settled();
/// assert_eq!((message.attempt(), message.headers().string("task-id")?), (2, "a"));
///
/// let settling = Box::new(message).ack();
/// assert_eq!(settled.verdict(), None); // not before it is awaited
/// # let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
/// # let mut settling = settling;
/// # assert!(settling.as_mut().poll(&mut cx).is_ready()); // settling.await?;
/// assert_eq!(settled.verdict(), Some(&Verdict::Done));
/// # Ok::<(), occamy_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct TestMessage {
    headers: Headers,
    body: Bytes,
    attempt: u32,
    deliveries: Option<u32>,
    origin: Option<MessageOrigin>,
    settled: Settled,
}

impl TestMessage {
    /// A message on its first attempt, of a broker that doesn't count deliveries.
    ///
    /// Clones share one verdict: whichever is settled first.
    pub fn new(headers: Headers, body: impl Into<Bytes>) -> Self {
        let settled = Settled::default();
        Self { headers, body: body.into(), attempt: 1, deliveries: None, origin: None, settled }
    }

    /// The message on another attempt.
    #[must_use]
    pub fn with_attempt(mut self, attempt: u32) -> Self {
        self.attempt = attempt;
        self
    }

    /// The message as a broker hands it out that counts deliveries.
    #[must_use]
    pub fn with_deliveries(mut self, deliveries: u32) -> Self {
        self.deliveries = Some(deliveries);
        self
    }

    /// The message as a broker hands it out that tells where it came from.
    #[must_use]
    pub fn with_origin(mut self, origin: MessageOrigin) -> Self {
        self.origin = Some(origin);
        self
    }

    /// Where the verdict can be seen after the message is gone.
    pub fn settled(&self) -> Settled {
        self.settled.clone()
    }
}

impl Message for TestMessage {
    fn headers(&self) -> &Headers {
        &self.headers
    }

    fn body(&self) -> &Bytes {
        &self.body
    }

    fn attempt(&self) -> u32 {
        self.attempt
    }

    fn deliveries(&self) -> Option<u32> {
        self.deliveries
    }

    fn origin(&self) -> Option<MessageOrigin> {
        self.origin.clone()
    }

    fn settle(self: Box<Self>, verdict: Verdict) -> BoxFuture<'static, Result<(), Error>> {
        Box::pin(async move {
            let result = self.settled.0.set(verdict);
            result.map_err(|second| settlement_error(second.kind(), "the message was settled before"))
        })
    }
}

/// How a [`TestMessage`] was settled.
#[derive(Clone, Debug, Default)]
pub struct Settled(Arc<OnceLock<Verdict>>);

impl Settled {
    /// The verdict, once there is one.
    pub fn verdict(&self) -> Option<&Verdict> {
        self.0.get()
    }
}
