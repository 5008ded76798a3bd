//! What everything of one transport shares: the clients, the partitions, the shelf, and who is told what.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use occamy_core::transport::ControlMessage;
use occamy_transport::{Connectivity, Intake, Shelf};
use rdkafka::producer::FutureProducer;
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::builder::KafkaBuilder;
use crate::context::Context;
use crate::message::Request;
use crate::partitions::Assignment;

/// The shared part of a transport. Whoever has it doesn't keep the transport's thread alive.
pub(crate) struct Link {
    pub(crate) builder: KafkaBuilder,
    pub(crate) connectivity: Connectivity,
    /// That of the transport's thread.
    pub(crate) runtime: Handle,
    /// Where settlements are handed over to it.
    pub(crate) intake: Intake,
    pub(crate) shelf: Shelf<Request>,
    pub(crate) assignment: Assignment,
    pub(crate) producer: FutureProducer<Context>,
    /// How many partitions the requests have, as it was known last.
    partitions: AtomicI32,
    /// Where control messages are passed on to.
    pub(crate) controls: mpsc::Sender<ControlMessage>,
    /// The server has asked for the stream of requests: before that it is no member of the group.
    pub(crate) serves: AtomicBool,
    /// The server has asked for the stream of control messages.
    pub(crate) listens: AtomicBool,
    /// For the pump: something is finished, and can be committed.
    pub(crate) finished: Notify,
    /// For who looks after the connection: it is time to look.
    pub(crate) look: Notify,
    /// The transport is to end.
    pub(crate) closing: CancellationToken,
    /// It has ended.
    pub(crate) closed: CancellationToken,
}

impl Link {
    pub(crate) fn new(
        builder: KafkaBuilder,
        runtime: Handle,
        producer: FutureProducer<Context>,
        assignment: Assignment,
        partitions: i32,
        controls: mpsc::Sender<ControlMessage>,
    ) -> Arc<Self> {
        Arc::new(Self {
            builder,
            connectivity: Connectivity::new(true),
            intake: Intake::open(&runtime),
            runtime,
            shelf: Shelf::new(),
            assignment,
            producer,
            partitions: AtomicI32::new(partitions),
            controls,
            serves: AtomicBool::new(false),
            listens: AtomicBool::new(false),
            finished: Notify::new(),
            look: Notify::new(),
            closing: CancellationToken::new(),
            closed: CancellationToken::new(),
        })
    }

    pub(crate) fn partitions(&self) -> i32 {
        self.partitions.load(Ordering::Relaxed)
    }

    /// So many were found, or none because the topic can't be seen.
    pub(crate) fn set_partitions(&self, partitions: i32) {
        // A topic that was made anew may have fewer.
        if partitions > 0 {
            self.partitions.store(partitions, Ordering::Relaxed);
        }
    }
}
