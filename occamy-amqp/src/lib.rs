//! Occamy's transport for [RabbitMQ](https://www.rabbitmq.com).
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use occamy_amqp::AmqpTransport;
//!
//! let transport = AmqpTransport::builder("routes").url("amqp://user:password@rabbit.example:5672").connect().await?;
//! # Ok(())
//! # }
//! ```
//!
//! What comes out is a [`Transport`](occamy_core::transport::Transport): give it to `Server::serve` of `occamy-runtime`. A
//! program that only sends requests uses its [publisher](occamy_core::transport::Transport::publisher) and never asks for
//! its streams.
//!
//! # What is where
//!
//! Of a service named `S`, and each name can be [overridden](Names):
//!
//! | | on RabbitMQ |
//! | --- | --- |
//! | requests | topic exchange `S-request`, and a durable quorum queue of that name bound to it with `#` |
//! | control messages | topic exchange `S-control`, and for each server a queue `S-control.` with a name of its own, durable, which RabbitMQ deletes five minutes after the server has gone |
//! | dead letters | durable quorum queue `S-dead`, which keeps them until somebody takes them away |
//!
//! [`connect`](AmqpBuilder::connect) declares all of them. RabbitMQ refuses that for a queue that is there with other
//! arguments (but for the consumer timeout), and says which differ; the error passes it on. With
//! [`passive`](AmqpBuilder::passive) it only looks whether they are there.
//!
//! Headers have the types that AMQP gives them, so that a client in any language can read and write them. RabbitMQ knows no
//! infinite floats, and a name can't be there twice: the former go as marked strings, as
//! [`occamy_core::transport::text`] writes them, and the latter is an error. The order of headers is lost.
//!
//! # What is promised, and by what
//!
//! - **A request goes to one server.** All servers consume from one queue. The prefetch follows the slots that are free, so
//!   that no more requests are unacknowledged than there are slots.
//! - **A task may run for hours**, as long as RabbitMQ lets it: see below. The heartbeats come from a thread that this crate
//!   has for itself and that no computation can starve.
//! - **Settled once, in any order.** An acknowledgement is written, and AMQP has no answer to it. Deliveries belong to the
//!   connection that brought them: when that is lost RabbitMQ hands them out again, the task can
//!   [tell](occamy_core::TaskContext::lease_lost), and its settlement is stale. It is dropped and
//!   [counted](occamy_core::BrokerEvent::StaleSettlement).
//! - **Handed back** requests are kept for a jittered [pause](AmqpBuilder::pause), which counts against the credit, and then
//!   returned with `nack`, for RabbitMQ gives a lone consumer its message straight back. Never with `reject`: that spends the
//!   queue's delivery limit on 4.3 and later.
//! - **A retry** is kept for its delay, which counts against the credit; a server that drains cuts it short. Then a copy with
//!   the raised attempt is published, and the request acknowledged once that is confirmed.
//! - **A dead letter** is published with headers, body and reason, and the request acknowledged once that is confirmed. The
//!   queue's own dead-letter exchange, at least once, is the net below: whatever RabbitMQ itself gives up goes to `S-dead`,
//!   too.
//! - **Dead letters** can be [looked at, sent again and removed](occamy_core::transport::Transport::dead_letters), also those that
//!   RabbitMQ has given up. Who does so has a connection of its own, and those that it has looked at go to nobody else until
//!   that ends.
//! - **A message is confirmed** when RabbitMQ has stored it in every queue that it goes to. A request that no queue takes is
//!   an error.
//! - **A lost connection** is made anew after growing and jittered pauses, for ever, with everything on it. One whose other
//!   side is silent is given up after two [heartbeats](AmqpBuilder::heartbeat), 20 s by default.
//! - **A server that lacks memory or room on its disk** takes nothing from who sends, acknowledgements included. It is logged.
//!   Settlements wait for it, what is sent fails after its [timeout](AmqpBuilder::publish_timeout), and draining ends with
//!   it. Nothing is lost.
//! - **Control messages** that are sent while a server connects anew wait in its queue. They are not persistent: a RabbitMQ
//!   that restarts loses those that wait.
//!
//! # What you have to see to
//!
//! - RabbitMQ takes a request away from a server that has not settled it within its consumer timeout, which is 30 minutes by
//!   default, and closes the channel. If tasks may run longer, set
//!   [`consumer_timeout`](AmqpBuilder::consumer_timeout), which RabbitMQ heeds from 3.12 on, or `consumer_timeout` in
//!   `rabbitmq.conf`. AMQP does not tell how it is set; when it strikes, the log says so. It also ends the waiting of a retry
//!   whose delay is longer, which then doesn't count as an attempt. For a queue that is there already RabbitMQ takes no other
//!   timeout, and doesn't say so: change it by a policy, `consumer-timeout`.
//! - Before 4.3 RabbitMQ counts every return toward a queue's delivery limit. It is set to
//!   [100,000](AmqpBuilder::delivery_limit) here, for attempts are counted in a header. A policy can lower it, which AMQP
//!   doesn't tell: requests that RabbitMQ has given up then lie in `S-dead` with `delivery_limit` in their `x-death`, and
//!   without a reason of ours.
//! - Headers have to fit into a frame, 128 KiB by default, less 8 KiB that are kept for those of a dead letter. Bodies may
//!   have [16 MiB](AmqpBuilder::max_body), which is what RabbitMQ 4 takes by default.
//! - A retry and a dead letter are copies: headers and body are kept, AMQP's other properties, as the content type, are not.
//! - The client logs what RabbitMQ returns because no queue takes it, body included, as a warning of the target `lapin`.
//! - Tables nested deeper than about 1,170 levels overflow the stack of the client's own thread, whoever sends them. Set
//!   `RUST_MIN_STACK` if you can't trust who may publish.
//!
//! Written for RabbitMQ 3.10 and later; tested on 3.10.8, and once on 4.0.5.

mod builder;
mod connect;
mod control;
mod dead;
mod desk;
mod epoch;
mod link;
mod message;
mod names;
mod pump;
mod sending;
mod session;
mod setup;
mod transport;
mod values;

pub use builder::AmqpBuilder;
pub use connect::ConnectError;
pub use names::Names;
pub use setup::SetupError;
pub use transport::AmqpTransport;
