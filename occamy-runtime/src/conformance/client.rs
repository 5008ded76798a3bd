//! A client: the publisher of a transport that is kept for that alone.

use std::sync::Arc;

use bytes::Bytes;
use occamy_core::transport::{PublishError, Publisher, Transport};
use occamy_core::{BoxFuture, Headers};

/// A publisher that keeps its transport.
pub(super) struct Client {
    publisher: Arc<dyn Publisher>,
    _transport: Box<dyn Transport>,
}

impl Client {
    pub(super) fn new(transport: Box<dyn Transport>) -> Self {
        Self { publisher: transport.publisher(), _transport: transport }
    }
}

impl Publisher for Client {
    fn request(&self, headers: Headers, body: Bytes) -> BoxFuture<'static, Result<(), PublishError>> {
        self.publisher.request(headers, body)
    }

    fn control(&self, headers: Headers, body: Bytes) -> BoxFuture<'static, Result<(), PublishError>> {
        self.publisher.control(headers, body)
    }

    fn try_request(&self, headers: Headers, body: Bytes) -> Result<(), PublishError> {
        self.publisher.try_request(headers, body)
    }

    fn try_control(&self, headers: Headers, body: Bytes) -> Result<(), PublishError> {
        self.publisher.try_control(headers, body)
    }
}
