//! Dead letters: read from their topic. Since Kafka removes no single record, a consumer group of their own, which is called
//! like the topic, remembers which are done with. Nobody joins it: its offsets are asked for and committed, as those of requests.
//!
//! Kafka forgets the offsets of a group without members, a week after the last commit by default. So what is done with at the
//! beginning of a partition is removed for good.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use occamy_core::transport::{DeadLetter, DeadLetterError, DeadLetterStream, header};
use occamy_core::{BoxFuture, Headers};
use occamy_transport::Line;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::OwnedMessage;
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::builder::KafkaBuilder;
use crate::connect::{admin, config, partitions, set_by_hand};
use crate::context::Context;
use crate::headers::decode_leniently;
use crate::link::Link;
use crate::sending::Letter;
use crate::tracker::{ROOM, Taken, Tracker};
use crate::transport::Connection;

/// The dead letters up to the ends that the partitions have by now.
pub(crate) async fn open(connection: Arc<Connection>) -> Result<Box<dyn DeadLetterStream>, DeadLetterError> {
    let link = Arc::clone(&connection.link);
    let opening = connection.link.runtime.spawn_blocking(move || {
        let common = config(&link.builder).map_err(DeadLetterError::unavailable)?;
        // Whether the brokers are there is the transport's to tell.
        let (events, _) = mpsc::unbounded_channel();
        let admin = admin(&common, &events).map_err(DeadLetterError::unavailable)?;
        let consumer = group_config(common, &link.builder).create_with_context(Context::new(events));
        let consumer = consumer.map_err(DeadLetterError::unavailable)?;
        Reader::open(consumer, admin, &link.builder).map_err(DeadLetterError::unavailable)
    });
    let reader = Arc::new(opening.await.map_err(DeadLetterError::unavailable)??);
    Ok(Box::new(DeadLetters { connection, reader }))
}

fn group_config(mut config: ClientConfig, builder: &KafkaBuilder) -> ClientConfig {
    config
        .set("group.id", &builder.names.dead_topic)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "earliest")
        // Not every offset has a record that is read, so the last one may never come.
        .set("enable.partition.eof", "true")
        .set("queued.max.messages.kbytes", "4096");
    set_by_hand(&mut config, builder);
    config
}

/// The consumer, and what is done of each partition.
struct Reader {
    consumer: StreamConsumer<Context>,
    admin: AdminClient<Context>,
    topic: String,
    patience: Duration,
    parts: Mutex<BTreeMap<i32, Part>>,
    /// Held while it is committed, so that no commit goes back behind another. Not the parts: who reads must not wait for it.
    committing: Mutex<()>,
}

struct Part {
    tracker: Tracker,
    /// What is before it is removed.
    first: i64,
    /// After the last letter that is to be read.
    end: i64,
    /// It was read up to there.
    read: bool,
}

impl Reader {
    fn open(
        consumer: StreamConsumer<Context>,
        admin: AdminClient<Context>,
        builder: &KafkaBuilder,
    ) -> KafkaResult<Self> {
        let (topic, patience) = (builder.names.dead_topic.clone(), builder.connect_timeout);
        let metadata = consumer.fetch_metadata(Some(&topic), patience)?;
        let mut asked = TopicPartitionList::new();
        for number in 0..partitions(&metadata, &topic) {
            asked.add_partition(&topic, number);
        }
        let committed = consumer.committed_offsets(asked, patience)?;
        let mut assigned = TopicPartitionList::new();
        let mut parts = BTreeMap::new();
        for left in committed.elements() {
            left.error()?;
            let number = left.partition();
            let (first, end) = consumer.fetch_watermarks(&topic, number, patience)?;
            let tracker = match left.offset() {
                // Though it be gone: what stands beside it may tell of later ones.
                Offset::Offset(offset) if offset <= end => Tracker::resume(offset, left.metadata()),
                // Nothing is done yet, or the topic was made anew.
                _ => Tracker::resume(first, ""),
            };
            let from = tracker.committable().max(first);
            assigned.add_partition_offset(&topic, number, Offset::Offset(from))?;
            parts.insert(number, Part { tracker, first, end, read: from >= end });
        }
        consumer.assign(&assigned)?;
        Ok(Self { consumer, admin, topic, patience, parts: Mutex::new(parts), committing: Mutex::default() })
    }

    /// The next record that is not done with. `None` when all partitions are read.
    async fn next(&self) -> Result<Option<OwnedMessage>, DeadLetterError> {
        while self.parts().values().any(|part| !part.read) {
            let received = timeout(self.patience, self.consumer.recv()).await;
            match received.map_err(|_| DeadLetterError::unavailable("Kafka has not answered in time"))? {
                Ok(message) => {
                    let mut parts = self.parts();
                    let Some(part) = parts.get_mut(&message.partition()) else { continue };
                    let offset = message.offset();
                    part.read |= offset + 1 >= part.end;
                    if offset < part.end && part.tracker.take(offset) == Taken::Open {
                        return Ok(Some(message.detach()));
                    }
                }
                Err(KafkaError::PartitionEOF(number)) => {
                    if let Some(part) = self.parts().get_mut(&number) {
                        part.read = true;
                    }
                }
                Err(error) => return Err(DeadLetterError::unavailable(error)),
            }
        }
        Ok(None)
    }

    /// Has it committed that a record is done with. Blocks.
    fn finish(&self, number: i32, offset: i64) -> KafkaResult<()> {
        let _order = self.committing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut room = ROOM;
        loop {
            let mut list = TopicPartitionList::new();
            {
                let mut parts = self.parts();
                let Some(part) = parts.get_mut(&number) else { return Ok(()) };
                part.tracker.finish(offset);
                let mut element = list.add_partition(&self.topic, number);
                element.set_offset(Offset::Offset(part.tracker.committable()))?;
                element.set_metadata(part.tracker.metadata(room));
            }
            match self.consumer.commit(&list, CommitMode::Sync) {
                Err(error) if room > 0 && is_too_large(&error) => room /= 2,
                committed => return committed,
            }
        }
    }

    /// Has everything removed that is committed, if there is more of it than before. Who may not, or can't, leaves it to the
    /// group to remember.
    async fn trim(&self, number: i32) -> KafkaResult<()> {
        let mut list = TopicPartitionList::new();
        if let Some(part) = self.parts().get_mut(&number)
            && part.first < part.tracker.committable()
        {
            part.first = part.tracker.committable();
            list.add_partition_offset(&self.topic, number, Offset::Offset(part.first))?;
        }
        if list.count() == 0 {
            return Ok(());
        }
        let options = AdminOptions::new().operation_timeout(Some(self.patience));
        let trimmed = self.admin.delete_records(&list, &options).await?;
        trimmed.elements().iter().try_for_each(|element| element.error())
    }

    fn parts(&self) -> MutexGuard<'_, BTreeMap<i32, Part>> {
        // Nothing that holds the lock leaves it half changed.
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The brokers take less beside an offset than they do by default.
fn is_too_large(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::OffsetMetadataTooLarge)
}

struct DeadLetters {
    connection: Arc<Connection>,
    reader: Arc<Reader>,
}

impl DeadLetterStream for DeadLetters {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Box<dyn DeadLetter>>, DeadLetterError>> {
        async move {
            let reader = Arc::clone(&self.reader);
            let reading = self.connection.link.runtime.spawn(async move { reader.next().await });
            let Some(message) = reading.await.map_err(DeadLetterError::unavailable)?? else {
                return Ok(None);
            };
            Ok(Some(Box::new(Buried {
                connection: Arc::clone(&self.connection),
                reader: Arc::clone(&self.reader),
                partition: message.partition(),
                offset: message.offset(),
                key: message.key().map(Bytes::copy_from_slice),
                headers: decode_leniently(message.headers()),
                body: message.payload().map(Bytes::copy_from_slice).unwrap_or_default(),
            }) as Box<dyn DeadLetter>))
        }
        .boxed()
    }
}

struct Buried {
    connection: Arc<Connection>,
    reader: Arc<Reader>,
    partition: i32,
    offset: i64,
    key: Option<Bytes>,
    headers: Headers,
    body: Bytes,
}

impl Buried {
    fn request(&self, link: &Link) -> Letter {
        let (headers, _) = header::take_own(self.headers.clone());
        Letter::copy(&link.builder.names.request_topic, None, self.key.as_ref(), &headers, &self.body)
    }

    async fn finish(self) -> Result<(), DeadLetterError> {
        let Self { connection, reader, partition, offset, .. } = self;
        let committing = {
            let reader = Arc::clone(&reader);
            connection.link.runtime.spawn_blocking(move || reader.finish(partition, offset))
        };
        let committed = committing.await.map_err(DeadLetterError::not_removed)?;
        committed.map_err(DeadLetterError::not_removed)?;
        if let Err(error) = reader.trim(partition).await {
            tracing::debug!(topic = reader.topic, partition, %error, "dead letters that are done with stay in their topic");
        }
        Ok(())
    }
}

impl DeadLetter for Buried {
    fn headers(&self) -> &Headers {
        &self.headers
    }

    fn body(&self) -> &Bytes {
        &self.body
    }

    fn replay(self: Box<Self>) -> BoxFuture<'static, Result<(), DeadLetterError>> {
        async move {
            let link = Arc::clone(&self.connection.link);
            let request = self.request(&link);
            let sending = self.connection.link.runtime.spawn(async move { link.write(request).await?.await });
            sending.await.map_err(DeadLetterError::unavailable)??;
            self.finish().await
        }
        .boxed()
    }

    fn remove(self: Box<Self>) -> BoxFuture<'static, Result<(), DeadLetterError>> {
        self.finish().boxed()
    }
}
