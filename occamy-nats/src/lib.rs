//! Occamy's transport for [NATS JetStream](https://docs.nats.io/nats-concepts/jetstream).
//!
//! ```no_run
//! # use occamy_core::{Error, ErrorKind, handler_fn};
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use occamy_nats::NatsTransport;
//!
//! let transport = NatsTransport::builder("routes").url("nats://nats.example:4222").connect().await?;
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
//! | | on NATS |
//! | --- | --- |
//! | requests | subject `S-request`, a work-queue stream of that name, and in it the durable pull consumer `S`, which all servers share |
//! | control messages | subject `S-control`, without a stream: each server has a plain subscription |
//! | dead letters | subject `S-dead`, and a stream of that name, which keeps them until somebody takes them away |
//!
//! [`connect`](NatsBuilder::connect) creates the streams and the consumer where they are missing, and checks them where they
//! are not: if something else was configured that the promises below rest on, the error says what. With
//! [`create(false)`](NatsBuilder::create) it only checks.
//!
//! Typed headers are written as [`occamy_core::transport::text`] says, so that a client in any language can read and write
//! them; plain headers of other clients arrive as strings. NATS loses the order of headers with different names.
//!
//! # What is promised, and by what
//!
//! - **A request goes to one server.** All servers pull from one consumer, and each pulls exactly as many as it has free
//!   slots. So no more are unacknowledged than that, not counting those whose acknowledgement is on its way: the next
//!   request is pulled right behind it, or the slot would be idle for a second round trip. If JetStream answers none, a
//!   server has no more than twice as many as it has slots.
//! - **A task may run for hours.** The [lease](NatsBuilder::lease) is the consumer's ack wait, 30 s by default, and renewed
//!   every third of it, from a thread that this crate has for itself and that no computation can starve. A server that
//!   vanished has its requests handed out elsewhere after the lease.
//! - **Settled once, in any order.** An acknowledgement counts when JetStream has answered it. One that isn't answered is
//!   repeated for as long as the lease lasts, also over a new connection. When the lease is over the settlement is stale:
//!   it is dropped and [counted](occamy_core::BrokerEvent::StaleSettlement), because the request may run elsewhere. JetStream
//!   has no fencing: a task whose effects must not happen twice asks for
//!   [`lease_lost`](occamy_core::TaskContext::lease_lost).
//! - **Handed back** requests wait at JetStream for a jittered [pause](NatsBuilder::pause) and go to the server that has
//!   waited longest.
//! - **A retry** is published as a new message, which carries the raised attempt and its delay, before the old one is
//!   acknowledged. It waits at JetStream.
//! - **A dead letter** is published with headers, body and reason, and the request ended (`+TERM`) once that is stored.
//!   If it can't be stored within a lease, the request stays and is delivered again. What has no room for that keeps its body.
//! - **Dead letters** can be [looked at, sent again and removed](occamy_core::transport::Transport::dead_letters). Two that send
//!   the same one again within two minutes make one request of it.
//! - **A lost connection** is made anew after growing and jittered pauses, for ever. A connection whose other side is silent
//!   counts as lost after three [pings](NatsBuilder::ping_interval), 24 s by default.
//! - **A control message** reaches every server that is connected when it is sent. One that connects anew misses what was
//!   sent meanwhile.
//!
//! # What you have to see to
//!
//! - JetStream answers before it has synced to disk: an operating system that crashes can lose what it has taken. Set
//!   [`sync_interval`](https://docs.nats.io/running-a-nats-service/configuration#jetstream) to `always`, or keep
//!   [replicas](NatsBuilder::replicas) on several servers.
//! - A user with restricted permissions needs to publish to the three subjects, `$JS.API.>`, `$JS.ACK.>` and
//!   `_INBOX.>`, and to subscribe to the subject of control messages and `_INBOX.>`. (By a message to an inbox that nobody
//!   has a transport finds out that the server has taken what was sent before.)
//! - The work-queue stream is the consumer's alone: JetStream refuses a second one without a filter.
//! - Headers and body together have to stay 8 KiB below the server's `max_payload`, which is 1 MiB by default, and a
//!   request's headers alone 8 KiB below the 64 KiB that JetStream stores: that much is kept for the headers of a dead letter.
//! - A consumer that you make yourself needs a `max_waiting` of at least as many as the whole fleet has slots. By default
//!   it is 512.
//! - TLS uses *ring* by way of rustls, whatever provider other crates of the program have chosen.
//!
//! Written for NATS 2.9 and later; tested on 2.9.10 and 2.15.1.

mod builder;
mod connect;
mod controls;
mod dead;
mod encoding;
mod leases;
mod link;
mod message;
mod names;
mod patience;
mod poison;
mod pulls;
mod pump;
mod sending;
mod session;
mod setup;
mod tls;
mod transport;

pub use builder::NatsBuilder;
pub use connect::ConnectError;
pub use names::Names;
pub use setup::SetupError;
pub use transport::NatsTransport;
