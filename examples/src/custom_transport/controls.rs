//! Control messages: a stream of the last ones, which every server reads for itself from where it is.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use occamy_core::transport::{ControlMessage, ControlStream};
use occamy_core::{BoxFuture, Error, Message};
use occamy_transport::jittered;
use redis::{RedisResult, Value, cmd};
use tokio::time::sleep;

use super::entry::{Entry, Fields, Streams};
use super::link::{Connections, is_of_connection};
use super::requests::PAUSE_AFTER_ERROR;
use super::shared::Shared;
use super::taking::millis;

/// How long Redis waits for a message before it answers that there is none.
const BLOCK: Duration = Duration::from_secs(1);

/// How many are read at a time. The others wait at Redis.
const AT_A_TIME: usize = 128;

/// The stream. Reading takes nothing away, so whatever happens to a read, it can be done again.
pub(super) struct Controls {
    pub(super) shared: Arc<Shared>,
    /// The last entry that was read. It outlives connections, so that none is missed or read twice.
    pub(super) last: String,
    pub(super) read: VecDeque<Fields>,
}

impl ControlStream for Controls {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Box<dyn Message>>, Error>> {
        let shared = Arc::clone(&self.shared);
        async move {
            loop {
                if let Some(fields) = self.read.pop_front() {
                    let entry = Entry::read(fields).map_err(|malformed| malformed.error)?;
                    let message = ControlMessage::new(entry.headers, entry.body);
                    return Ok(Some(Box::new(message) as Box<dyn Message>));
                }
                tokio::select! {
                    read = self.read_more() => read?,
                    () = shared.closed.cancelled() => return Ok(None),
                }
            }
        }
        .boxed()
    }
}

impl Controls {
    async fn read_more(&mut self) -> Result<(), Error> {
        let connections = self.shared.link.connections().await;
        let mut read = cmd("XREAD");
        read.arg("COUNT").arg(AT_A_TIME).arg("BLOCK").arg(millis(BLOCK));
        read.arg("STREAMS").arg(&self.shared.names.controls).arg(&self.last);
        let read: RedisResult<Streams> = read.query_async(&mut connections.controls.clone()).await;
        match self.shared.link.check(&connections, read) {
            Ok(streams) => {
                for (id, fields) in streams.into_iter().flatten().flat_map(|(_, entries)| entries) {
                    self.last = id;
                    self.read.push_back(fields);
                }
                Ok(())
            }
            // They are made anew, and that is waited for.
            Err(error) if is_of_connection(&error) => Ok(()),
            Err(error) => {
                sleep(jittered(PAUSE_AFTER_ERROR, 0.5..=1.5)).await;
                Err(Error::other(error))
            }
        }
    }
}

/// The last control message that there is: those from here on are for us.
pub(super) async fn last(connections: &Connections, key: &str) -> RedisResult<String> {
    let mut last = cmd("XREVRANGE");
    last.arg(key).arg("+").arg("-").arg("COUNT").arg(1);
    let last: Vec<(String, Value)> = last.query_async(&mut connections.commands.clone()).await?;
    Ok(last.into_iter().next().map_or_else(|| "0-0".to_owned(), |(id, _)| id))
}
