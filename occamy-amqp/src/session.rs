//! One connection with all that a server has on it.

use std::sync::Arc;

use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, Consumer};
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
        let requests = Consuming { channel: requests, queue, consumer: None, prefetch: 0, count: 0 };
        Ok(Self { connection, epoch: Epoch::default(), requests, control_channel, controls })
    }
}

/// The consumer of requests, if there is one. How many it may have at a time is laid down when it begins, so it begins
/// anew when that changes.
pub(crate) struct Consuming {
    channel: Channel,
    queue: String,
    consumer: Option<Consumer>,
    /// How many deliveries may be unacknowledged. None comes without a consumer.
    pub(crate) prefetch: u16,
    /// How many consumers there were: each has a name of its own.
    count: u64,
}

impl Consuming {
    /// The next delivery. Pends while nothing is consumed; `None` when RabbitMQ has ended it, because the queue is gone.
    pub(crate) async fn next(&mut self) -> Option<Result<Delivery, lapin::Error>> {
        match &mut self.consumer {
            Some(consumer) => consumer.next().await,
            None => std::future::pending().await,
        }
    }

    /// From here on so many may be unacknowledged. Returns what the consumer had brought that ends.
    pub(crate) async fn set_prefetch(&mut self, prefetch: u16) -> Result<Vec<Delivery>, lapin::Error> {
        let mut brought = Vec::new();
        if let Some(mut consumer) = self.consumer.take() {
            self.channel.basic_cancel(consumer.tag(), BasicCancelOptions::default()).await?;
            while let Some(delivery) = consumer.next().await {
                brought.push(delivery?);
            }
        }
        self.prefetch = prefetch;
        if prefetch > 0 {
            self.channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
            self.count += 1;
            let tag = format!("requests-{}", self.count);
            self.consumer = Some(consume(&self.channel, &self.queue, tag).await?);
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
