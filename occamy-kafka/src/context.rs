//! What librdkafka tells: errors, what is assigned and revoked, what is committed.

use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::stream_consumer::{StreamConsumer, StreamPartitionQueue};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::mpsc;

use crate::partitions::Assignment;

/// What the pump is told.
pub(crate) enum Event {
    /// No broker can be reached, as it seems.
    BrokersDown,
    /// A partition is assigned, and what is fetched of it comes here.
    Assigned(i32, StreamPartitionQueue<Context>),
    /// A partition is revoked.
    Revoked(i32),
}

pub(crate) type Events = mpsc::UnboundedSender<Event>;

/// The context of a client; clones share what was wrong last. That of the consumer of requests has an assignment.
#[derive(Clone)]
pub(crate) struct Context {
    events: Events,
    last_error: Arc<Mutex<Option<String>>>,
    assignment: Option<Assignment>,
    /// The consumer of requests itself, which has this.
    consumer: Arc<OnceLock<Weak<StreamConsumer<Context>>>>,
}

impl Context {
    pub(crate) fn new(events: Events) -> Self {
        Self { events, last_error: Arc::default(), assignment: None, consumer: Arc::default() }
    }

    pub(crate) fn with_assignment(events: Events, assignment: Assignment) -> Self {
        Self { assignment: Some(assignment), ..Self::new(events) }
    }

    /// Whose context this is. To be told before it subscribes.
    pub(crate) fn belongs_to(&self, consumer: &Arc<StreamConsumer<Self>>) {
        let _ = self.consumer.set(Arc::downgrade(consumer));
    }

    /// Gives each of these partitions a queue of its own, before anything is fetched: what has come to the consumer's own
    /// can't be left there until there is room for it, and would not be in order with what comes later. It is done at each
    /// assignment, because of a topic that was made anew the client has new queues.
    fn split(&self, numbers: &[i32], topic: &str) {
        let Some(consumer) = self.consumer.get().and_then(Weak::upgrade) else { return };
        for &number in numbers {
            match consumer.split_partition_queue(topic, number) {
                Some(queue) => drop(self.events.send(Event::Assigned(number, queue))),
                None => tracing::warn!(topic, number, "the partition has no queue of its own"),
            }
        }
    }

    fn note(&self, error: String) {
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    /// What was wrong last.
    pub(crate) fn last_error(&self) -> Option<String> {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        use RDKafkaLogLevel::{Alert, Critical, Emerg, Error, Info, Notice, Warning};
        match level {
            Emerg | Alert | Critical | Error | Warning => {
                tracing::warn!(facility, "librdkafka: {message}");
                // Why a connection was refused is told here first, and here alone where nobody asks for events.
                self.note(message.to_owned());
            }
            Notice | Info => tracing::info!(facility, "librdkafka: {message}"),
            _ => tracing::debug!(facility, "librdkafka: {message}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "the Kafka client complains");
        match error.rdkafka_error_code() {
            // It says nothing of why.
            Some(RDKafkaErrorCode::AllBrokersDown) => drop(self.events.send(Event::BrokersDown)),
            _ => self.note(format!("{error}: {reason}")),
        }
    }
}

impl ConsumerContext for Context {
    /// What is finished is committed before it goes: after that nobody may.
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let Some(assignment) = &self.assignment else { return };
        let revoked = match rebalance {
            Rebalance::Assign(assigned) => return self.split(&numbers(assigned), assignment.topic()),
            Rebalance::Revoke(revoked) => numbers(revoked),
            Rebalance::Error(_) => return,
        };
        let parts = assignment.remove(&revoked);
        if !consumer.assignment_lost() {
            let snapshot = assignment.snapshot(&parts);
            let list = assignment.list(&snapshot);
            let committed = list.count() == 0 || consumer.commit(&list, CommitMode::Sync).is_ok();
            if committed {
                snapshot.into_iter().for_each(|part| part.committed());
            }
        }
        assignment.lose(&parts);
        for number in revoked {
            let _ = self.events.send(Event::Revoked(number));
        }
    }

    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let Some(assignment) = &self.assignment else { return };
        match rebalance {
            Rebalance::Assign(assigned) => {
                let parts = numbers(assigned);
                assignment.add(&parts, &committed(consumer, assigned));
            }
            Rebalance::Error(error) => tracing::warn!(%error, "partitions could not be shared out"),
            Rebalance::Revoke(_) => {}
        }
    }
}

fn numbers(list: &TopicPartitionList) -> Vec<i32> {
    list.elements().iter().map(|element| element.partition()).collect()
}

/// How the partitions were left: the offset, and what stands beside it. What can't be had in time is as if nothing stood
/// there: then a record may be done once more.
fn committed(consumer: &BaseConsumer<Context>, assigned: &TopicPartitionList) -> Vec<(i32, i64, String)> {
    const PATIENCE: Duration = Duration::from_secs(3);
    let found = match consumer.committed_offsets(assigned.clone(), PATIENCE) {
        Ok(found) => found,
        Err(error) => {
            tracing::warn!(%error, "what was committed of the partitions could not be had");
            return Vec::new();
        }
    };
    let known = found.elements().into_iter().filter_map(|element| match element.offset() {
        Offset::Offset(offset) => Some((element.partition(), offset, element.metadata().to_owned())),
        _ => None,
    });
    known.collect()
}
