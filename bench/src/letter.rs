//! A message in memory.

use bytes::Bytes;
use occamy_core::{BoxFuture, Error, Headers, Message, Verdict};

/// A message that tells when it is settled: true if its task is done. Settling it takes no time.
pub(crate) struct Letter<F> {
    headers: Headers,
    body: Bytes,
    settled: F,
}

impl<F: FnOnce(bool) + Send + 'static> Letter<F> {
    /// A message whose body says which of [`Roles`](crate::roles::Roles) its task has.
    pub(crate) fn new(role: &'static str, settled: F) -> Self {
        Self::with_headers(Headers::new(), role, settled)
    }

    pub(crate) fn with_headers(headers: Headers, role: &'static str, settled: F) -> Self {
        Self { headers, body: Bytes::from_static(role.as_bytes()), settled }
    }
}

impl<F: FnOnce(bool) + Send + 'static> Message for Letter<F> {
    fn headers(&self) -> &Headers {
        &self.headers
    }

    fn body(&self) -> &Bytes {
        &self.body
    }

    fn attempt(&self) -> u32 {
        1
    }

    fn settle(self: Box<Self>, verdict: Verdict) -> BoxFuture<'static, Result<(), Error>> {
        Box::pin(async move {
            (self.settled)(verdict == Verdict::Done);
            Ok(())
        })
    }
}
