//! Control messages of brokers that give every server a copy of its own.

use bytes::Bytes;

use crate::{BoxFuture, Error, Headers, Message, MessageOrigin, Verdict};

/// A control message of which every server has a copy, so that there is nothing to settle: any verdict is taken.
#[derive(Clone, Debug)]
pub struct ControlMessage {
    headers: Headers,
    body: Bytes,
    origin: Option<MessageOrigin>,
}

impl ControlMessage {
    /// A control message with these headers, as a handler is to see them.
    pub fn new(headers: Headers, body: Bytes) -> Self {
        Self { headers, body, origin: None }
    }

    /// The message, and where it [came from](Message::origin).
    #[must_use]
    pub fn with_origin(mut self, origin: MessageOrigin) -> Self {
        self.origin = Some(origin);
        self
    }
}

impl Message for ControlMessage {
    fn headers(&self) -> &Headers {
        &self.headers
    }

    fn body(&self) -> &Bytes {
        &self.body
    }

    fn attempt(&self) -> u32 {
        1
    }

    fn origin(&self) -> Option<MessageOrigin> {
        self.origin.clone()
    }

    fn settle(self: Box<Self>, _: Verdict) -> BoxFuture<'static, Result<(), Error>> {
        Box::pin(std::future::ready(Ok(())))
    }
}
