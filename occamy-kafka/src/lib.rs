//! Occamy's transport for [Kafka](https://kafka.apache.org).
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use occamy_kafka::KafkaTransport;
//!
//! let transport = KafkaTransport::builder("routes").url("kafka://kafka.example:9092").connect().await?;
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
//! | | on Kafka |
//! | --- | --- |
//! | requests | topic `S-request`, shared by the consumer group `S` |
//! | control messages | topic `S-control`, which every server reads for itself, from its end on |
//! | dead letters | topic `S-dead`, and a consumer group of that name for those that are done with |
//!
//! [`connect`](KafkaBuilder::connect) creates the topics where they are missing; with [`create(false)`](KafkaBuilder::create)
//! it says which are. A client in any language writes and reads them: typed headers are written as
//! [`occamy_core::transport::text`] says, plain ones of other clients arrive as strings, or as bytes if they aren't UTF-8.
//!
//! # What is promised, and by what
//!
//! - **A request goes to one server.** Whoever has a partition takes its records, as many at a time as it has free slots, in
//!   any order across partitions and within them.
//! - **A task may run for hours.** Fetching stops when all slots are taken, and the server stays in the group. A record that
//!   is finished and waits for its commit takes no slot, unless more wait than there are slots.
//! - **Settled once, in any order.** Kafka remembers one offset of a partition, so what is committed is the first that is not
//!   finished; those that are finished beyond it are written beside it, as far as its metadata has room, and whoever has the
//!   partition next passes them by. How many those are is [observed](occamy_core::Observation::UncommittedRecords), and a
//!   record that they have waited for so [long](KafkaBuilder::gap_warning) is warned of in the log. A settlement resolves when that is committed. When a partition moves while a task runs,
//!   the task can [tell](occamy_core::TaskContext::lease_lost), and its settlement is stale: it is dropped and
//!   [counted](occamy_core::BrokerEvent::StaleSettlement), and nothing is committed for the new owner.
//! - **Handed back** requests are kept for a jittered [pause](KafkaBuilder::pause), then written to the topic again, to a
//!   partition that another server has if there is one, and the old record is finished once that is confirmed by all replicas.
//!   A retry is kept for its delay, and its copy has the raised attempt.
//! - **A dead letter** is written with headers, body and reason, and the record finished once that is confirmed.
//! - **Dead letters** can be [looked at, sent again and removed](occamy_core::transport::Transport::dead_letters). The
//!   group `S-dead`, which nobody joins, has offsets as those of requests, so that what was sent again or removed is not handed out
//!   any more. Once all before it is done with, too, it is removed from the topic, which takes the right to delete there. Without
//!   that right the group alone remembers, until Kafka forgets it: `offsets.retention.minutes` after the last commit, a week by
//!   default. Two at a time that do so may send a letter twice, and undo each other's offsets.
//! - **A lost connection** is made anew by the client, for ever. Whether the brokers are there is asked every five seconds.
//! - **Control messages** are read in order, also those that were sent while the connection was away.
//!
//! # What a consumer group can't give
//!
//! - **Requests wait behind a server.** A record is in a partition, and a partition has one owner: while that server is full,
//!   what is in its partitions waits, though others have room. Have several partitions for each server.
//! - **A partition that moves is begun anew.** When a server comes or goes some partitions change hands, and what is running
//!   of them runs again at the new owner. Keep the group still: assignment is cooperative and sticky here, the
//!   [session](KafkaBuilder::session_timeout) lasts 45 s, and with an [instance id](KafkaBuilder::instance_id) a restart moves
//!   nothing.
//! - **A draining server** keeps its partitions until its last task has ended, since only their owner may commit.
//! - **Records go when the topic says so**, done or not: `retention.ms` is a week where the brokers aren't told otherwise. What
//!   has to wait longer needs a longer one, and so do dead letters.
//! - **A topic that is deleted and made anew** under a running server is read from its beginning only if it is shorter than it
//!   was: librdkafka goes on at the offset where it is. Stop the servers first.
//! - Kafka doesn't count deliveries, so `max_deliveries` has no effect.
//!
//! Commit metadata has room for 4,096 bytes by default (`offset.metadata.max.bytes`). What is finished beyond that runs again
//! after a restart.
//!
//! # Building it
//!
//! librdkafka is compiled along, which takes a C compiler, `make` and a minute or two of two cores. The feature `tls` takes the
//! headers of the system's OpenSSL; `tls-vendored` compiles an OpenSSL of its own instead, which takes Perl and longer. `gzip` reads and writes records that are compressed so; lz4 and snappy are always there.
//!
//! Written for Kafka 2.4 and later; tested on 4.3.1.

mod builder;
mod connect;
mod context;
mod control;
mod dead;
mod gaps;
mod headers;
mod link;
mod message;
mod names;
mod partitions;
mod pump;
mod sending;
mod tracker;
mod transport;
mod watch;

pub use builder::KafkaBuilder;
pub use connect::ConnectError;
pub use names::Names;
pub use transport::KafkaTransport;
