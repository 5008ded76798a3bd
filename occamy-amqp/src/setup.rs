//! The exchanges and queues of a service: declaring them, or looking whether they are there.

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ErrorKind, ExchangeKind};

use crate::builder::AmqpBuilder;

/// Why an exchange or a queue can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// It isn't there, and may not be declared.
    #[error("{what} is missing: declare it, or let connect() do so")]
    Missing {
        /// The exchange or queue.
        what: String,
    },
    /// It is there and not as it has to be.
    #[error("{what} differs: {differences}; delete it, or give the service another name")]
    Differs {
        /// The exchange or queue.
        what: String,
        /// What RabbitMQ says of it.
        differences: String,
    },
    /// RabbitMQ could not be asked, or would not declare it.
    #[error("{what} could not be had: {source}")]
    Broker {
        /// The exchange or queue.
        what: String,
        /// What RabbitMQ said, or that it said nothing.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// What RabbitMQ calls something that isn't there, and something that is there otherwise.
const NOT_FOUND: u16 = 404;
const PRECONDITION_FAILED: u16 = 406;

/// More often than anybody looks at a dead letter.
const UNLIMITED: i64 = i32::MAX as i64;

/// Every routing key, none included.
const EVERYTHING: &str = "#";

/// Sees to it that everything is there that the servers of a service share.
pub(crate) async fn set_up(connection: &Connection, builder: &AmqpBuilder) -> Result<(), SetupError> {
    let channel = connection.create_channel().await.map_err(|error| broker("a channel", error))?;
    let names = &builder.names;
    // First what requests that RabbitMQ gives up go to: without it they would be kept for ever.
    queue(&channel, builder, &names.dead_queue, dead_arguments(builder)).await?;
    queue(&channel, builder, &names.request_queue, request_arguments(builder)).await?;
    exchange(&channel, builder, &names.request_exchange).await?;
    exchange(&channel, builder, &names.control_exchange).await?;
    if !builder.passive {
        bind(&channel, &names.request_queue, &names.request_exchange).await?;
    }
    Ok(())
}

/// Declares the queue of this server's own control messages. It is the same one on the next connection.
pub(crate) async fn declare_control_queue(
    channel: &Channel,
    builder: &AmqpBuilder,
    name: &str,
) -> Result<(), SetupError> {
    let expiry = i64::try_from(builder.control_expiry.as_millis()).unwrap_or(i64::MAX);
    let mut arguments = FieldTable::default();
    // Durable and not exclusive, so that it outlives the connection; RabbitMQ 4.3 has no other that does.
    arguments.insert("x-expires".into(), AMQPValue::LongLongInt(expiry));
    let declared = channel.queue_declare(name.into(), QueueDeclareOptions::durable(), arguments).await;
    declared.map_err(|error| broker(format!("the queue {name}"), error))?;
    bind(channel, name, &builder.names.control_exchange).await
}

fn queue_arguments(builder: &AmqpBuilder) -> FieldTable {
    let mut arguments = FieldTable::default();
    let kind = if builder.classic { "classic" } else { "quorum" };
    arguments.insert("x-queue-type".into(), text(kind));
    arguments
}

fn dead_arguments(builder: &AmqpBuilder) -> FieldTable {
    let mut arguments = queue_arguments(builder);
    if !builder.classic {
        // From 4.0 on a quorum queue has a limit of 20 unless it is told another, and drops for good what was looked at and
        // put back more often. -1 means none there, and to 3.10 less than one.
        arguments.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(UNLIMITED));
    }
    arguments
}

fn request_arguments(builder: &AmqpBuilder) -> FieldTable {
    let mut arguments = queue_arguments(builder);
    // That every queue is bound to by its name.
    arguments.insert("x-dead-letter-exchange".into(), text(""));
    arguments.insert("x-dead-letter-routing-key".into(), text(&builder.names.dead_queue));
    if !builder.classic {
        // At least once needs that a full queue refuses; without it RabbitMQ silently takes at most once.
        arguments.insert("x-dead-letter-strategy".into(), text("at-least-once"));
        arguments.insert("x-overflow".into(), text("reject-publish"));
        arguments.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(builder.delivery_limit.into()));
    }
    if let Some(timeout) = builder.consumer_timeout {
        let timeout = i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX);
        arguments.insert("x-consumer-timeout".into(), AMQPValue::LongLongInt(timeout));
    }
    arguments
}

async fn queue(
    channel: &Channel,
    builder: &AmqpBuilder,
    name: &str,
    arguments: FieldTable,
) -> Result<(), SetupError> {
    let options = QueueDeclareOptions { passive: builder.passive, ..QueueDeclareOptions::durable() };
    let declared = channel.queue_declare(name.into(), options, arguments).await;
    declared.map(drop).map_err(|error| explain(format!("the queue {name}"), error))
}

async fn exchange(channel: &Channel, builder: &AmqpBuilder, name: &str) -> Result<(), SetupError> {
    let options = ExchangeDeclareOptions {
        passive: builder.passive,
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    let declared =
        channel.exchange_declare(name.into(), ExchangeKind::Topic, options, FieldTable::default()).await;
    declared.map_err(|error| explain(format!("the exchange {name}"), error))
}

async fn bind(channel: &Channel, queue: &str, exchange: &str) -> Result<(), SetupError> {
    let options = QueueBindOptions::default();
    let bound = channel
        .queue_bind(queue.into(), exchange.into(), EVERYTHING.into(), options, FieldTable::default())
        .await;
    bound.map_err(|error| broker(format!("the binding of {queue} to {exchange}"), error))
}

/// RabbitMQ's answer to a declaration, as what it means for us.
fn explain(what: String, error: lapin::Error) -> SetupError {
    match error.kind() {
        ErrorKind::ProtocolError(said) if said.get_id() == NOT_FOUND => SetupError::Missing { what },
        ErrorKind::ProtocolError(said) if said.get_id() == PRECONDITION_FAILED => {
            SetupError::Differs { what, differences: said.get_message().to_string() }
        }
        _ => broker(what, error),
    }
}

fn broker(what: impl Into<String>, error: lapin::Error) -> SetupError {
    SetupError::Broker { what: what.into(), source: error.into() }
}

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}
