//! Control messages: every server reads all partitions of their topic for itself, from where they end when it connects.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use occamy_core::transport::{ControlMessage, ControlStream, header};
use occamy_core::{BoxFuture, Error, Message, MessageOrigin};
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::error::KafkaResult;
use rdkafka::message::OwnedMessage;
use rdkafka::{Message as _, Offset, TopicPartitionList};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::connect::partitions;
use crate::context::Context;
use crate::headers::decode;
use crate::link::Link;
use crate::names::SYSTEM;
use crate::transport::Connection;

/// How often it is looked whether the topics have more partitions.
const LOOK: Duration = Duration::from_secs(10);

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Assigns all partitions from their ends on. Blocks, at most for so long.
pub(crate) fn assign(
    consumer: &StreamConsumer<Context>,
    topic: &str,
    count: i32,
    patience: Duration,
) -> KafkaResult<()> {
    let deadline = Instant::now() + patience;
    let mut list = TopicPartitionList::new();
    for number in 0..count {
        let end = loop {
            match consumer.fetch_watermarks(topic, number, PATIENCE.min(patience)) {
                Ok((_, end)) => break end,
                // A partition that was just created may have no leader yet.
                Err(error) if Instant::now() > deadline => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        };
        list.add_partition_offset(topic, number, Offset::Offset(end))?;
    }
    consumer.assign(&list)
}

/// Passes on what comes. What nobody has room for stays at Kafka, but for what the client fetches ahead.
pub(crate) async fn listen(link: Arc<Link>, consumer: Arc<StreamConsumer<Context>>, count: i32) {
    let mut known = count;
    let mut tick = interval(LOOK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let Ok(place) = link.controls.reserve().await else { return };
        let received = loop {
            tokio::select! {
                received = consumer.recv() => break received.map(|message| message.detach()),
                _ = tick.tick() => known = look(&link, &consumer, known).await,
                () = link.closed.cancelled() => return,
            }
        };
        match received {
            Ok(message) => {
                if let Some(message) = understand(&link, &message) {
                    place.send(message);
                }
            }
            Err(error) => tracing::debug!(%error, "a control message could not be had"),
        }
    }
}

fn understand(link: &Link, message: &OwnedMessage) -> Option<ControlMessage> {
    if !link.listens.load(Ordering::Relaxed) {
        return None;
    }
    match decode(message.headers()) {
        Ok(decoded) => {
            let (headers, _) = header::take_own(decoded);
            let body = message.payload().map(Bytes::copy_from_slice).unwrap_or_default();
            let origin = MessageOrigin::new(SYSTEM, link.builder.names.control_topic.as_str());
            Some(ControlMessage::new(headers, body).with_origin(origin))
        }
        Err(error) => {
            link.shelf.fail(error);
            None
        }
    }
}

/// Takes in partitions that were added, each from its beginning, and returns how many there are.
async fn look(link: &Arc<Link>, consumer: &Arc<StreamConsumer<Context>>, known: i32) -> i32 {
    if !link.connectivity.is_connected() {
        return known;
    }
    let (link, consumer) = (Arc::clone(link), Arc::clone(consumer));
    let looked = tokio::task::spawn_blocking(move || {
        let names = &link.builder.names;
        let requests = consumer.fetch_metadata(Some(&names.request_topic), PATIENCE)?;
        link.set_partitions(partitions(&requests, &names.request_topic));
        let controls = consumer.fetch_metadata(Some(&names.control_topic), PATIENCE)?;
        let count = partitions(&controls, &names.control_topic).max(known);
        let mut list = TopicPartitionList::new();
        for number in known..count {
            list.add_partition_offset(&names.control_topic, number, Offset::Beginning)?;
        }
        if list.count() > 0 {
            consumer.incremental_assign(&list)?;
        }
        KafkaResult::Ok(count)
    });
    looked.await.ok().and_then(Result::ok).unwrap_or(known)
}

/// The stream of them.
pub(crate) struct Controls {
    /// `None` in a second stream, which there should not be: it ends at once.
    pub(crate) messages: Option<mpsc::Receiver<ControlMessage>>,
    pub(crate) connection: Arc<Connection>,
}

impl ControlStream for Controls {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Box<dyn Message>>, Error>> {
        async move {
            let Some(messages) = &mut self.messages else { return Ok(None) };
            tokio::select! {
                biased;
                message = messages.recv() => Ok(message.map(|message| Box::new(message) as Box<dyn Message>)),
                () = self.connection.link.closed.cancelled() => Ok(None),
            }
        }
        .boxed()
    }
}
