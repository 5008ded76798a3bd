//! A server's connection with Kafka.

use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use occamy_core::transport::{
    ControlMessage, ControlStream, DeadLetterError, DeadLetterStream, Publisher, RequestStream, Transport,
};
use occamy_core::{BoxFuture, Error, Monitor};
use occamy_transport::{IoThread, LinePublisher, Outbox};
use rdkafka::ClientConfig;
use rdkafka::consumer::StreamConsumer;
use rdkafka::producer::{FutureProducer, Producer};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::builder::KafkaBuilder;
use crate::connect::{ConnectError, admin, config, set_by_hand, topics, unusable};
use crate::context::Context;
use crate::control::{Controls, assign, listen};
use crate::dead;
use crate::link::Link;
use crate::message::Request;
use crate::partitions::Assignment;
use crate::pump;
use crate::watch::look_after;

/// A server's connection with Kafka.
///
/// It ends with [`close`](Transport::close), or when it and both of its streams have been dropped. What is unsettled by
/// then is delivered to others, and settling it later is an error.
///
/// The stream of requests returns an error for what can't be understood and has become a dead letter, and when requests can't
/// be fetched though the brokers are there. A settlement resolves when the offset is committed, or stands beside the one that
/// is.
pub struct KafkaTransport {
    connection: Arc<Connection>,
    publisher: Arc<LinePublisher<Link>>,
    outbox: Outbox,
    controls: Mutex<Option<mpsc::Receiver<ControlMessage>>>,
}

/// What transport and streams share.
pub(crate) struct Connection {
    pub(crate) link: Arc<Link>,
    /// Everything ends with it.
    _thread: IoThread,
}

/// What is on the shelf knows the link, which has the shelf: neither would ever go.
impl Drop for Connection {
    fn drop(&mut self) {
        self.link.closed.cancel();
        self.link.shelf.close().into_iter().for_each(Request::leave);
    }
}

impl KafkaTransport {
    /// The settings of a connection for a service of this name, with their defaults.
    pub fn builder(service: &str) -> KafkaBuilder {
        KafkaBuilder::new(service)
    }

    pub(crate) async fn connect(builder: KafkaBuilder) -> Result<Self, ConnectError> {
        let thread = IoThread::start("occamy-kafka").map_err(ConnectError::Thread)?;
        let runtime = thread.handle().clone();
        // One is on its way, the others wait at Kafka.
        let (sender, controls) = mpsc::channel(1);
        let connecting = runtime.spawn(open(builder, runtime.clone(), sender));
        // The thread lives as long as this future.
        let link = connecting.await.map_err(|error| {
            ConnectError::Thread(std::io::Error::other(format!("it came to a bad end: {error}")))
        })??;
        let (publisher, outbox) = LinePublisher::open(&link, &runtime, link.builder.outbox);
        let connection = Arc::new(Connection { link, _thread: thread });
        Ok(Self { connection, publisher: Arc::new(publisher), outbox, controls: Mutex::new(Some(controls)) })
    }
}

/// Makes all clients and sets everything going, on the transport's thread: it does nothing else yet, so it may be blocked.
async fn open(
    builder: KafkaBuilder,
    runtime: Handle,
    sender: mpsc::Sender<ControlMessage>,
) -> Result<Arc<Link>, ConnectError> {
    let common = config(&builder)?;
    let (events, heard) = mpsc::unbounded_channel();
    let context = Context::new(events.clone());
    let producer: FutureProducer<Context> = producer_config(&common, &builder)
        .create_with_context(context.clone())
        .map_err(|error| unusable(&error))?;
    let (requests, partitions) =
        topics(&admin(&common, &events)?, producer.client(), &context, &builder).await?;
    let names = builder.names.clone();
    let assignment = Assignment::new(&names.request_topic, runtime.clone());
    let context = Context::with_assignment(events.clone(), assignment.clone());
    let consumer: StreamConsumer<Context> = group_config(&common, &builder)
        .create_with_context(context.clone())
        .map_err(|error| unusable(&error))?;
    let consumer = Arc::new(consumer);
    context.belongs_to(&consumer);
    let controls: StreamConsumer<Context> = control_config(&common, &builder)
        // One client is enough to tell that the brokers are down.
        .create_with_context(Context::new(mpsc::unbounded_channel().0))
        .map_err(|error| unusable(&error))?;
    assign(&controls, &names.control_topic, partitions, builder.connect_timeout).map_err(|error| {
        let why = format!("the control messages can't be read: {error}");
        ConnectError::Refused { url: builder.url.to_string(), why }
    })?;

    let link = Link::new(builder, runtime.clone(), producer, assignment, requests, sender);
    runtime.spawn(pump::run(Arc::clone(&link), consumer, heard));
    let controls = Arc::new(controls);
    runtime.spawn(look_after(Arc::clone(&link), Arc::clone(&controls)));
    runtime.spawn(listen(Arc::clone(&link), controls, partitions));
    Ok(link)
}

fn producer_config(common: &ClientConfig, builder: &KafkaBuilder) -> ClientConfig {
    /// The most that librdkafka allows.
    const LARGEST: usize = 1_000_000_000;
    let mut config = common.clone();
    config
        // It implies acks=all, and lets nothing be written twice by its own retries.
        .set("enable.idempotence", "true")
        .set("message.timeout.ms", builder.publish_timeout.as_millis().to_string())
        // What is written again may be as large as the brokers have taken it; what is sent was measured before.
        .set("message.max.bytes", LARGEST.to_string())
        // But no batch of smaller ones may be larger than they take.
        .set("batch.size", builder.max_message.clamp(1, 1_000_000).to_string())
        .set("linger.ms", "1");
    set_by_hand(&mut config, builder);
    config
}

fn group_config(common: &ClientConfig, builder: &KafkaBuilder) -> ClientConfig {
    let mut config = common.clone();
    let session = builder.session_timeout;
    config
        .set("group.id", &builder.names.group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "earliest")
        // What a server keeps it keeps, when others come and go.
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("session.timeout.ms", session.as_millis().to_string())
        .set("heartbeat.interval.ms", (session / 5).as_millis().to_string())
        .set(
            "max.poll.interval.ms",
            (session * 2).max(std::time::Duration::from_secs(300)).as_millis().to_string(),
        )
        // A broker is asked for those partitions of which less than this is at hand, and the others wait for its answer: for
        // as long as it may wait for records of the first ones, which is half a second by default.
        .set("queued.min.messages", "10000")
        // Of each partition, since each has a queue of its own.
        .set("queued.max.messages.kbytes", "4096")
        .set("fetch.wait.max.ms", "100")
        // When it is full the client asks again after a second by default.
        .set("fetch.queue.backoff.ms", "20");
    if let Some(id) = &builder.instance_id {
        config.set("group.instance.id", id);
    }
    set_by_hand(&mut config, builder);
    config
}

fn control_config(common: &ClientConfig, builder: &KafkaBuilder) -> ClientConfig {
    let mut config = common.clone();
    config
        // Nobody joins it: a consumer needs the name of a group.
        .set("group.id", format!("{}-{}", builder.names.control_topic, uuid::Uuid::new_v4().simple()))
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "latest")
        .set("queued.max.messages.kbytes", "16384");
    set_by_hand(&mut config, builder);
    config
}

impl Transport for KafkaTransport {
    fn requests(&self) -> Box<dyn RequestStream> {
        self.connection.link.serves.store(true, Ordering::Relaxed);
        self.connection.link.finished.notify_one();
        Box::new(self.connection.link.shelf.stream(Arc::clone(&self.connection) as _))
    }

    fn controls(&self) -> Box<dyn ControlStream> {
        self.connection.link.listens.store(true, Ordering::Relaxed);
        let messages = self.controls.lock().unwrap_or_else(PoisonError::into_inner).take();
        Box::new(Controls { messages, connection: Arc::clone(&self.connection) })
    }

    fn publisher(&self) -> Arc<dyn Publisher> {
        Arc::clone(&self.publisher) as Arc<dyn Publisher>
    }

    fn dead_letters(&self) -> BoxFuture<'_, Result<Box<dyn DeadLetterStream>, DeadLetterError>> {
        dead::open(Arc::clone(&self.connection)).boxed()
    }

    fn observe(&self, monitor: Arc<dyn Monitor>) {
        self.connection.link.connectivity.observe(monitor);
    }

    fn drain(&self) -> BoxFuture<'_, ()> {
        async {
            self.connection.link.shelf.drain();
            self.connection.link.shelf.drained().await;
        }
        .boxed()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), Error>> {
        self.outbox.close().boxed()
    }
}

impl fmt::Debug for KafkaTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let link = &self.connection.link;
        f.debug_struct("KafkaTransport")
            .field("settings", &link.builder)
            .field("connected", &link.connectivity.is_connected())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_by_hand_comes_last() {
        let ours =
            ["fetch.wait.max.ms", "queued.min.messages", "linger.ms", "message.timeout.ms", "client.id"];
        let builder = ours.iter().fold(KafkaBuilder::new("a"), |builder, name| builder.setting(*name, "77"));
        let common = config(&builder).unwrap();
        for (config, names) in [
            (group_config(&common, &builder), [ours[0], ours[1], ours[4]]),
            (producer_config(&common, &builder), [ours[2], ours[3], ours[4]]),
            (control_config(&common, &builder), [ours[0], ours[1], ours[4]]),
        ] {
            assert_eq!(names.map(|name| config.get(name)), [Some("77"); 3]);
        }
    }
}
