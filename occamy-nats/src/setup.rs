//! The streams and the consumer of a service: creating what is missing, and checking what is there.

use std::fmt::Debug;

use async_nats::jetstream::Context;
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::stream::{Config, ConsumerErrorKind, DiscardPolicy, RetentionPolicy, StorageType};

use crate::builder::NatsBuilder;
use crate::pulls::{EXPIRES, LARGEST};

/// Why a stream or the consumer can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// It isn't there, and may not be created.
    #[error("{what} is missing: create it, or let a server that connects do so")]
    Missing {
        /// The stream or consumer.
        what: String,
    },
    /// It is there and not as it has to be.
    #[error("{what} differs: {differences}; change it, or give the service another name")]
    Differs {
        /// The stream or consumer.
        what: String,
        /// What is different.
        differences: String,
    },
    /// JetStream could not be asked, or would not create it.
    #[error("{what} could not be had: {source}")]
    Broker {
        /// The stream or consumer.
        what: String,
        /// What JetStream said, or that it said nothing.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Which streams may be created where they are missing. The consumer may in any case, if anything may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Streams {
    /// Both, when a service comes into being.
    Create,
    /// None: a stream that a running server finds missing had requests in it, and an empty one would hide that.
    Expect,
}

/// Sees to it that everything is there and as it has to be.
pub(crate) async fn set_up(
    context: &Context,
    builder: &NatsBuilder,
    streams: Streams,
) -> Result<PullConsumer, SetupError> {
    let names = &builder.names;
    let requests = Config {
        name: names.request_stream.clone(),
        subjects: vec![names.request_subject.clone()],
        // Acknowledged is gone.
        retention: RetentionPolicy::WorkQueue,
        // A publisher hears of a full stream; the oldest requests don't vanish unheard.
        discard: DiscardPolicy::New,
        storage: StorageType::File,
        num_replicas: builder.replicas,
        ..Config::default()
    };
    let dead = Config {
        name: names.dead_stream.clone(),
        subjects: vec![names.dead_subject.clone()],
        retention: RetentionPolicy::Limits,
        ..requests.clone()
    };
    let create = builder.create && streams == Streams::Create;
    stream(context, create, &dead).await?;
    stream(context, create, &requests).await?;
    pull_consumer(context, builder).await
}

async fn stream(context: &Context, create: bool, wanted: &Config) -> Result<(), SetupError> {
    let what = || format!("the stream {}", wanted.name);
    let broker = |source| SetupError::Broker { what: what(), source };
    let found = match context.get_stream(&wanted.name).await {
        Ok(stream) => stream.cached_info().config.clone(),
        Err(error) if is_unknown(&error.kind()) => {
            if !create {
                return Err(SetupError::Missing { what: what() });
            }
            let created = context.create_stream(wanted.clone()).await;
            created.map_err(|error| broker(error.into()))?.cached_info().config.clone()
        }
        Err(error) => return Err(broker(error.into())),
    };
    let mut differences = Differences::default();
    let (subjects, wanted_subjects) = (&found.subjects, &wanted.subjects);
    differences.note(
        "subjects",
        subjects,
        wanted_subjects,
        wanted_subjects.iter().all(|it| subjects.contains(it)),
    );
    differences.compare("retention", found.retention, wanted.retention);
    differences.note("no_ack", found.no_ack, false, !found.no_ack);
    // What would drop messages that nobody has settled.
    let bounded = found.max_messages > 0 || found.max_bytes > 0;
    let refuses = !bounded || found.discard == DiscardPolicy::New;
    differences.note("discard", found.discard, wanted.discard, refuses);
    differences.compare("max_age", found.max_age, wanted.max_age);
    let each = found.max_messages_per_subject;
    differences.note("max_messages_per_subject", each, -1, each <= 0);
    // Mirrors take nothing from publishers.
    differences.note("mirror", found.mirror.is_some(), false, found.mirror.is_none());
    differences.result(what())
}

fn is_unknown(kind: &GetStreamErrorKind) -> bool {
    matches!(kind, GetStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND)
}

async fn pull_consumer(context: &Context, builder: &NatsBuilder) -> Result<PullConsumer, SetupError> {
    let names = &builder.names;
    let wanted = pull::Config {
        durable_name: Some(names.consumer.clone()),
        ack_policy: AckPolicy::Explicit,
        ack_wait: builder.lease,
        // Attempts are counted in a header: here every handing back would count.
        max_deliver: -1,
        // Slots bound what is under way, and what waits after it was handed back must not use up a limit.
        max_ack_pending: -1,
        // Of the whole fleet, which may ask once for each slot. By default it is 512.
        max_waiting: 65_536,
        ..pull::Config::default()
    };
    let what = || format!("the consumer {} of the stream {}", names.consumer, names.request_stream);
    let broker = |source| SetupError::Broker { what: what(), source };
    let found = context.get_consumer_from_stream(&names.consumer, &names.request_stream).await;
    let consumer: PullConsumer = match found {
        Ok(consumer) => consumer,
        Err(error) => {
            let absent = matches!(error.kind(), ConsumerErrorKind::JetStream(error)
                if error.error_code() == ErrorCode::CONSUMER_NOT_FOUND);
            if !absent {
                return Err(broker(error.into()));
            }
            if !builder.create {
                return Err(SetupError::Missing { what: what() });
            }
            let created = context.create_consumer_on_stream(wanted.clone(), &names.request_stream).await;
            created.map_err(|error| broker(error.into()))?
        }
    };
    let found = &consumer.cached_info().config;
    let mut differences = Differences::default();
    differences.compare("ack_policy", found.ack_policy, wanted.ack_policy);
    differences.compare("ack_wait", found.ack_wait, wanted.ack_wait);
    differences.compare("max_deliver", found.max_deliver, wanted.max_deliver);
    // Less than unlimited is for whoever wants to bound the whole fleet.
    let filter = found.filter_subject.is_empty() || found.filter_subject == names.request_subject;
    differences.note("filter_subject", &found.filter_subject, &names.request_subject, filter);
    differences.note("headers_only", found.headers_only, false, !found.headers_only);
    // It would refuse what is beyond.
    let batch = found.max_batch <= 0 || usize::try_from(found.max_batch).is_ok_and(|most| most >= LARGEST);
    differences.note("max_batch", found.max_batch, LARGEST, batch);
    let expires = found.max_expires.is_zero() || found.max_expires >= EXPIRES;
    differences.note("max_expires", found.max_expires, EXPIRES, expires);
    differences.note("max_bytes", found.max_bytes, 0, found.max_bytes <= 0);
    differences.result(what())?;
    Ok(consumer)
}

/// What is found to be different.
#[derive(Default)]
struct Differences(Vec<String>);

impl Differences {
    fn compare<T: Debug + PartialEq>(&mut self, setting: &str, found: T, wanted: T) {
        let same = found == wanted;
        self.note(setting, found, wanted, same);
    }

    fn note(&mut self, setting: &str, found: impl Debug, wanted: impl Debug, fits: bool) {
        if !fits {
            self.0.push(format!("{setting} is {found:?} and has to be {wanted:?}"));
        }
    }

    fn result(self, what: String) -> Result<(), SetupError> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(SetupError::Differs { what, differences: self.0.join(", ") })
    }
}
