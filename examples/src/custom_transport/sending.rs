//! Sending, and leaving when nothing more will be sent.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use occamy_core::transport::PublishError;
use occamy_core::{BoxFuture, Headers};
use occamy_transport::{Address, Confirmation, Connectivity, Line};
use redis::{Cmd, cmd};

use super::entry::{self, BODY, HEADERS};
use super::link::PATIENCE;
use super::scripts;
use super::shared::Shared;

/// The most bytes that headers and body of a message may have together. Redis would take half a gigabyte, but keeps all of
/// them in memory.
pub const MAX_MESSAGE: usize = 8 << 20;

/// How many control messages Redis keeps for servers that are behind, more or less.
const CONTROLS_KEPT: usize = 65_536;

impl Line for Shared {
    type Letter = Cmd;

    fn letter(&self, address: Address, headers: &Headers, body: Bytes) -> Result<Cmd, PublishError> {
        let mut add = cmd("XADD");
        match address {
            Address::Request => add.arg(&self.names.requests),
            Address::Control => add.arg(&self.names.controls).arg("MAXLEN").arg("~").arg(CONTROLS_KEPT),
        };
        let headers = encode(headers, &body)?;
        add.arg("*").arg(HEADERS).arg(headers).arg(BODY).arg(&*body);
        Ok(add)
    }

    fn write(&self, add: Cmd) -> BoxFuture<'_, Result<Confirmation, PublishError>> {
        async move {
            if self.closed.is_cancelled() {
                return Err(PublishError::Closed);
            }
            let Some(connections) = self.connections(PATIENCE).await else {
                return Err(PublishError::Broker("Redis can't be reached".into()));
            };
            let link = Arc::clone(&self.link);
            let mut added = async move {
                let added = add.exec_async(&mut connections.commands.clone()).await;
                link.check(&connections, added).map_err(|error| PublishError::Broker(error.into()))
            }
            .boxed();
            // Asked for once it is on its way, or in line for it: so letters keep their order, whoever asks again and when.
            let answered = (&mut added).now_or_never();
            Ok(answered.map_or(added, |answer| std::future::ready(answer).boxed()))
        }
        .boxed()
    }

    fn patience(&self) -> Duration {
        PATIENCE
    }

    fn connectivity(&self) -> &Connectivity {
        &self.link.connectivity
    }

    /// Who owns nothing may leave the consumer group. Others do it for us if we can't.
    fn hang_up(&self) -> BoxFuture<'_, bool> {
        async move {
            // The end, even if this takes too long.
            let _end = self.closed.clone().drop_guard();
            self.shelf.drained().await;
            match self.link.now() {
                Some(connections) => scripts::forget(self, &connections, true, Duration::MAX).await.is_ok(),
                None => false,
            }
        }
        .boxed()
    }
}

/// The headers as they are written, if the message is not too large.
fn encode(headers: &Headers, body: &Bytes) -> Result<String, PublishError> {
    let headers = entry::encode(headers);
    let (size, limit) = (headers.len().saturating_add(body.len()), MAX_MESSAGE);
    if size > limit { Err(PublishError::TooLarge { size, limit }) } else { Ok(headers) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_for_headers_and_body_together() {
        let encoded = |headers: &Headers, size| encode(headers, &vec![0; size].into());
        assert!(encoded(&Headers::new(), MAX_MESSAGE).is_ok());
        let headers = Headers::new().with("a", "b");
        assert!(encoded(&headers, MAX_MESSAGE - "a: b\n".len()).is_ok());
        let refused = encoded(&headers, MAX_MESSAGE);
        assert!(matches!(refused, Err(PublishError::TooLarge { limit: MAX_MESSAGE, .. })), "{refused:?}");
    }
}
