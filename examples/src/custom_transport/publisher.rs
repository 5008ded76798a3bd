//! Sending: at once, or from an outbox in the background.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use occamy_core::transport::{PublishError, Publisher};
use occamy_core::{BoxFuture, Headers};
use redis::{Cmd, RedisResult, cmd, pipe};
use tokio::sync::mpsc::{self, error::TrySendError};

use super::entry::{self, BODY, HEADERS};
use super::link::PATIENCE;
use super::names::Names;
use super::shared::{Phase, Shared};

/// The most bytes that headers and body of a message may have together. Redis would take half a gigabyte, but keeps all of them in memory.
pub const MAX_MESSAGE: usize = 8 << 20;

/// How many messages wait in the outbox at most.
pub(super) const OUTBOX: usize = 1024;

/// How many of them are sent in one go. One by one, each after the answer to the last, a full outbox would take longer
/// than anybody waits for a server that closes.
const AT_A_TIME: usize = 16;

/// How many control messages Redis keeps for servers that are behind, more or less.
const CONTROLS_KEPT: usize = 65_536;

/// A message that is to be sent.
pub(super) struct Letter {
    to: Address,
    headers: String,
    body: Bytes,
}

/// Whom a message is for.
#[derive(Clone, Copy)]
enum Address {
    /// One server.
    Request,
    /// Every server.
    Control,
}

pub(super) struct RedisPublisher {
    pub(super) shared: Arc<Shared>,
    pub(super) outbox: mpsc::Sender<Letter>,
}

impl RedisPublisher {
    fn publish(&self, letter: Result<Letter, PublishError>) -> BoxFuture<'static, Result<(), PublishError>> {
        let shared = Arc::clone(&self.shared);
        async move {
            let (letter, runtime) = (letter?, shared.runtime.clone());
            let sent = runtime.spawn(async move { send(&shared, &[letter]).await.pop() });
            sent.await.ok().flatten().unwrap_or(Err(PublishError::Closed))
        }
        .boxed()
    }

    fn post(&self, letter: Result<Letter, PublishError>) -> Result<(), PublishError> {
        self.outbox.try_send(letter?).map_err(|error| match error {
            TrySendError::Full(_) => PublishError::Full,
            TrySendError::Closed(_) => PublishError::Closed,
        })
    }
}

impl Publisher for RedisPublisher {
    fn request(&self, headers: Headers, body: Bytes) -> BoxFuture<'static, Result<(), PublishError>> {
        self.publish(Letter::new(Address::Request, &headers, body))
    }

    fn control(&self, headers: Headers, body: Bytes) -> BoxFuture<'static, Result<(), PublishError>> {
        self.publish(Letter::new(Address::Control, &headers, body))
    }

    fn try_request(&self, headers: Headers, body: Bytes) -> Result<(), PublishError> {
        self.post(Letter::new(Address::Request, &headers, body))
    }

    fn try_control(&self, headers: Headers, body: Bytes) -> Result<(), PublishError> {
        self.post(Letter::new(Address::Control, &headers, body))
    }
}

impl Letter {
    fn new(to: Address, headers: &Headers, body: Bytes) -> Result<Self, PublishError> {
        let headers = entry::encode(headers);
        let size = headers.len().saturating_add(body.len());
        if size > MAX_MESSAGE {
            return Err(PublishError::TooLarge { size, limit: MAX_MESSAGE });
        }
        Ok(Self { to, headers, body })
    }

    fn command(&self, names: &Names) -> Cmd {
        let mut add = cmd("XADD");
        match self.to {
            Address::Request => add.arg(&names.requests),
            Address::Control => add.arg(&names.controls).arg("MAXLEN").arg("~").arg(CONTROLS_KEPT),
        };
        add.arg("*").arg(HEADERS).arg(&self.headers).arg(BODY).arg(&*self.body);
        add
    }
}

/// Sends these in their order, and waits for Redis to say that it has them. Waits a moment for a connection, if there is
/// none.
async fn send(shared: &Shared, letters: &[Letter]) -> Vec<Result<(), PublishError>> {
    if shared.is_in(Phase::Closed) {
        return letters.iter().map(|_| Err(PublishError::Closed)).collect();
    }
    let Some(connections) = shared.connections(PATIENCE).await else {
        let unreachable = || PublishError::Broker("Redis can't be reached".into());
        return letters.iter().map(|_| Err(unreachable())).collect();
    };
    let mut adds = pipe();
    adds.ignore_errors();
    for letter in letters {
        adds.add_command(letter.command(&shared.names));
    }
    let added: RedisResult<Vec<RedisResult<String>>> =
        adds.query_async(&mut connections.commands.clone()).await;
    let refused = |error| PublishError::Broker(Box::new(error));
    match shared.link.check(&connections, added) {
        Ok(added) => added.into_iter().map(|added| added.map(drop).map_err(refused)).collect(),
        Err(error) => letters.iter().map(|_| Err(refused(error.clone()))).collect(),
    }
}

/// Sends what is in the outbox, in order, until the transport closes; then what is left, if it can be sent now. Returns
/// how much of that could not.
pub(super) async fn send_letters(shared: Arc<Shared>, mut outbox: mpsc::Receiver<Letter>) -> usize {
    let (mut letters, mut unsent) = (Vec::new(), 0);
    loop {
        letters.clear();
        tokio::select! {
            biased;
            () = shared.reached(Phase::Closing), if !outbox.is_closed() => {
                outbox.close();
                continue;
            }
            received = outbox.recv_many(&mut letters, AT_A_TIME) => if received == 0 { return unsent },
        }
        // However long that takes: the outbox is bounded, and fills meanwhile.
        tokio::select! {
            _ = shared.link.connections() => {}
            () = shared.reached(Phase::Closing) => {}
        }
        for error in send(&shared, &letters).await.into_iter().filter_map(Result::err) {
            unsent += usize::from(shared.is_in(Phase::Closing));
            shared.link.connectivity.observer().unsent(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_for_headers_and_body_together() {
        let letter = |headers: &Headers, size| Letter::new(Address::Request, headers, vec![0; size].into());
        assert!(letter(&Headers::new(), MAX_MESSAGE).is_ok());
        let headers = Headers::new().with("a", "b");
        assert!(letter(&headers, MAX_MESSAGE - "a: b\n".len()).is_ok());
        let refused = letter(&headers, MAX_MESSAGE).map(drop);
        assert!(matches!(refused, Err(PublishError::TooLarge { limit: MAX_MESSAGE, .. })), "{refused:?}");
    }
}
