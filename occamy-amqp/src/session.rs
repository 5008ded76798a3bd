//! One connection with all that a server has on it.

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::{BoxStream, SelectAll, once};
use lapin::message::Delivery;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Connection, Consumer, Event};
use tokio::task::JoinHandle;

use crate::connect::{ConnectError, connect};
use crate::control::pass_on;
use crate::epoch::Epoch;
use crate::link::Link;
use crate::setup::{SetupError, declare_control_queue, set_up};

/// How many control messages are delivered and not acknowledged. The others wait at RabbitMQ, in nobody's way.
const CONTROL_PREFETCH: u16 = 256;

/// A connection, until it is lost.
pub(crate) struct Session {
    pub(crate) connection: Arc<Connection>,
    /// What happens to it, whether anything is consumed or not.
    pub(crate) events: BoxStream<'static, Event>,
    pub(crate) epoch: Epoch,
    pub(crate) requests: Consuming,
    /// That of the control messages. lapin closes a channel that is dropped, and a connection that is closed at the same
    /// time is torn down instead.
    pub(crate) control_channel: Channel,
    /// Ends with the connection: why.
    pub(crate) controls: JoinHandle<String>,
}

impl Session {
    pub(crate) async fn open(link: &Arc<Link>) -> Result<Self, ConnectError> {
        let (builder, control_queue) = (&link.builder, &*link.control_queue);
        let connection = Arc::new(connect(builder).await?);
        let events = connection.events_listener().boxed();
        set_up(&connection, builder).await?;
        let opened = async {
            let (requests, controls) =
                (connection.create_channel().await?, connection.create_channel().await?);
            controls.basic_qos(CONTROL_PREFETCH, BasicQosOptions::default()).await?;
            Ok((requests, controls))
        };
        let (requests, control_channel) = opened.await.map_err(|error| failed("a channel", error))?;
        declare_control_queue(&control_channel, builder, control_queue).await?;
        let controls = consume(&control_channel, control_queue, "controls".into()).await;
        let controls = controls.map_err(|error| failed("a consumer of control messages", error))?;
        let controls = tokio::spawn(pass_on(Arc::clone(link), controls));
        let queue = builder.names.request_queue.clone();
        let requests = Consuming::new(requests, queue);
        Ok(Self { connection, events, epoch: Epoch::default(), requests, control_channel, controls })
    }
}

/// The consumers of requests. How many deliveries a consumer may have unacknowledged is laid down when it begins, and those
/// of one that has ended count for none. So another one begins where more are wanted, and all end where fewer are.
pub(crate) struct Consuming {
    channel: Channel,
    queue: String,
    tags: Vec<ShortString>,
    deliveries: SelectAll<BoxStream<'static, Option<Result<Delivery, lapin::Error>>>>,
    /// How many deliveries all consumers together may have unacknowledged.
    pub(crate) prefetch: usize,
    /// How many consumers there were: each has a name of its own.
    count: u64,
}

impl Consuming {
    fn new(channel: Channel, queue: String) -> Self {
        Self { channel, queue, tags: Vec::new(), deliveries: SelectAll::new(), prefetch: 0, count: 0 }
    }

    /// The next delivery. Pends while nothing is consumed; `None` when RabbitMQ has ended a consumer, because the queue is
    /// gone.
    pub(crate) async fn next(&mut self) -> Option<Result<Delivery, lapin::Error>> {
        match self.deliveries.next().await {
            Some(delivery) => delivery,
            None => std::future::pending().await,
        }
    }

    /// From here on so many more may be unacknowledged.
    pub(crate) async fn add(&mut self, more: usize) -> Result<(), lapin::Error> {
        let prefetch = u16::try_from(more).unwrap_or(u16::MAX);
        self.channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
        self.count += 1;
        let consumer = consume(&self.channel, &self.queue, format!("requests-{}", self.count)).await?;
        self.prefetch += usize::from(prefetch);
        self.tags.push(consumer.tag());
        // A stream that ends would go unnoticed among others.
        self.deliveries.push(consumer.map(Some).chain(once(async { None })).boxed());
        Ok(())
    }

    /// Nothing more is delivered. Returns what was on its way.
    pub(crate) async fn end(&mut self) -> Result<Vec<Delivery>, lapin::Error> {
        for tag in self.tags.drain(..) {
            self.channel.basic_cancel(tag, BasicCancelOptions::default()).await?;
        }
        self.prefetch = 0;
        let mut brought = Vec::new();
        while let Some(delivery) = self.deliveries.next().await {
            brought.extend(delivery.transpose()?);
        }
        Ok(brought)
    }
}

async fn consume(channel: &Channel, queue: &str, tag: String) -> Result<Consumer, lapin::Error> {
    let options = BasicConsumeOptions::default();
    channel.basic_consume(queue.into(), tag.as_str().into(), options, FieldTable::default()).await
}

fn failed(what: &str, error: lapin::Error) -> SetupError {
    SetupError::Broker { what: what.to_owned(), source: error.into() }
}
