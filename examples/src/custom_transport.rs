//! A transport of another kind, over Redis Streams: small, complete, and held to the conformance kit.
//!
//! Read it before you write one of your own. What a transport promises stands in [`occamy_core::transport`]; this is how
//! the promises are kept with a broker that knows nothing of them. What is the same for every broker comes from
//! [`occamy_transport`], so that here stands only what is Redis's own. Redis 7 or newer; one server, not a cluster.
//!
//! # At Redis
//!
//! | key | is |
//! | --- | --- |
//! | `S-request` | the requests of the service `S`, a stream with the consumer group `S`: an entry goes to one consumer |
//! | `S-control` | the last control messages, a stream that every server reads for itself |
//! | `S-dead` | the dead letters, a stream |
//!
//! An entry has two fields, so that a client in any language can write it:
//! `XADD S-request * headers "task-id: a" body "text"`.
//!
//! # How the promises are kept
//!
//! | promise | how | where |
//! | --- | --- | --- |
//! | a request goes to one server | `XREADGROUP`, for no more than the server has room for | `taking.rs`, `requests.rs`, [`Shelf`] |
//! | a task may run for hours | a lease: what is idle for so long is free, and a thread that no task can starve keeps it from being idle | `leases.rs`, [`IoThread`] |
//! | a server may die | others claim what was idle for a lease | `taking.rs` |
//! | each message is settled once | a script looks who owns the entry, copies it if it has to be, and deletes it, all in one piece | `scripts.rs`, `message.rs` |
//! | what is handed back does not spin | it is kept for a moment, and counts against the credit | `message.rs` |
//! | control messages reach every server | each remembers how far it has read, also from one connection to the next | `controls.rs` |
//! | headers keep their types | lines of text | `entry.rs` |
//! | a lost connection is made anew | by one task that watches it | `link.rs`, [`Connectivity`] |
//! | computing threads can send | a bounded outbox | `sending.rs`, [`Outbox`] |
//! | nothing is lost in the end | what was fetched is given back, the outbox sent, the consumer group left | `requests.rs`, `sending.rs`, `transport.rs` |
//!
//! [`Connectivity`]: occamy_transport::Connectivity
//! [`IoThread`]: occamy_transport::IoThread
//! [`Outbox`]: occamy_transport::Outbox
//! [`Shelf`]: occamy_transport::Shelf

mod connect;
mod controls;
mod demo;
mod entry;
mod leases;
mod link;
mod message;
mod names;
mod requests;
mod scripts;
mod sending;
mod shared;
mod taking;
mod transport;

pub use connect::{ConnectError, RedisOptions};
pub use demo::{Options, main};
pub use sending::MAX_MESSAGE;
pub use transport::RedisTransport;
