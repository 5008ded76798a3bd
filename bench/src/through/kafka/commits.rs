//! What a bare client has to keep so that nothing is committed before it is done: per partition, where all before it is
//! finished.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::message::OwnedMessage;
use rdkafka::{Message, Offset, TopicPartitionList};
use tokio::sync::{Notify, OwnedSemaphorePermit};

use crate::through::tally::Tally;

/// Commits what is finished, as soon as the last commit is through. Clones share it.
#[derive(Clone)]
pub(super) struct Commits {
    consumer: Arc<StreamConsumer>,
    topic: Arc<str>,
    tally: Arc<Tally>,
    parts: Arc<Mutex<BTreeMap<i32, Part>>>,
    finished: Arc<Notify>,
}

#[derive(Default)]
struct Part {
    open: BTreeSet<i64>,
    /// Finished and not committed, each with its place among those in flight.
    finished: BTreeMap<i64, OwnedSemaphorePermit>,
    /// After the last one that was taken.
    position: i64,
}

/// A record that is not finished.
pub(super) struct Record {
    partition: i32,
    offset: i64,
    place: OwnedSemaphorePermit,
}

impl Commits {
    pub(super) fn new(consumer: Arc<StreamConsumer>, topic: &str, tally: Arc<Tally>) -> Self {
        Self { consumer, topic: topic.into(), tally, parts: Arc::default(), finished: Arc::default() }
    }

    pub(super) fn take(&self, message: &OwnedMessage, place: OwnedSemaphorePermit) -> Record {
        let (partition, offset) = (message.partition(), message.offset());
        let mut parts = self.parts();
        let part = parts.entry(partition).or_default();
        part.open.insert(offset);
        part.position = offset + 1;
        Record { partition, offset, place }
    }

    pub(super) fn finish(&self, Record { partition, offset, place }: Record) {
        let mut parts = self.parts();
        let part = parts.entry(partition).or_default();
        part.open.remove(&offset);
        part.finished.insert(offset, place);
        drop(parts);
        self.finished.notify_one();
    }

    /// Commits, one commit after the other.
    pub(super) async fn run(&self) -> anyhow::Result<()> {
        loop {
            self.finished.notified().await;
            let (mut list, mut covered) = (TopicPartitionList::new(), Vec::new());
            for (&partition, part) in &mut *self.parts() {
                let before = part.committable();
                let rest = part.finished.split_off(&before);
                let done = std::mem::replace(&mut part.finished, rest);
                if !done.is_empty() {
                    list.add_partition_offset(&self.topic, partition, Offset::Offset(before))?;
                    covered.extend(done.into_values());
                }
            }
            if covered.is_empty() {
                continue;
            }
            let consumer = Arc::clone(&self.consumer);
            tokio::task::spawn_blocking(move || consumer.commit(&list, CommitMode::Sync)).await??;
            for place in covered {
                self.tally.settled();
                drop(place);
            }
        }
    }

    fn parts(&self) -> MutexGuard<'_, BTreeMap<i32, Part>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Part {
    /// Everything before it is finished.
    fn committable(&self) -> i64 {
        self.open.first().copied().unwrap_or(self.position)
    }
}
