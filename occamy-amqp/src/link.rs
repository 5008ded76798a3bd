//! What everything of one transport shares: the connection that there is now, the shelf, and who is told what.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lapin::options::ConfirmSelectOptions;
use lapin::{Connection, ErrorKind};
use occamy_transport::{Connectivity, Intake, Shelf};
use tokio::runtime::Handle;
use tokio::sync::{Mutex as AsyncMutex, mpsc, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::builder::AmqpBuilder;
use crate::control::Control;
use crate::desk::Desk;
use crate::message::Request;

/// The shared part of a transport. Whoever has it doesn't keep the transport's thread alive.
pub(crate) struct Link {
    pub(crate) builder: AmqpBuilder,
    pub(crate) connectivity: Connectivity,
    /// That of the transport's thread.
    pub(crate) runtime: Handle,
    /// Where settlements are handed over to it.
    pub(crate) intake: Intake,
    pub(crate) shelf: Shelf<Request>,
    /// The name of this server's queue of control messages, the same on every connection.
    pub(crate) control_queue: String,
    /// Where control messages are passed on to.
    pub(crate) controls: mpsc::Sender<Control>,
    /// The server has asked for the stream of control messages.
    pub(crate) listens: AtomicBool,
    /// The transport is to end.
    pub(crate) closing: CancellationToken,
    /// It has ended.
    pub(crate) closed: CancellationToken,
    /// RabbitMQ lacks memory or room on its disk, and takes nothing.
    pub(crate) blocked: watch::Sender<bool>,
    /// RabbitMQ was told of the end.
    pub(crate) heard: AtomicBool,
    connection: Mutex<Option<Arc<Connection>>>,
    /// Where letters are handed in. It is opened anew when its channel is closed.
    desk: AsyncMutex<Option<Desk>>,
}

impl Link {
    pub(crate) fn new(builder: AmqpBuilder, runtime: Handle, controls: mpsc::Sender<Control>) -> Arc<Self> {
        let own = uuid::Uuid::new_v4().simple();
        let control_queue = format!("{}{own}", builder.names.control_queue_prefix);
        Arc::new(Self {
            builder,
            connectivity: Connectivity::new(false),
            intake: Intake::open(&runtime),
            runtime,
            shelf: Shelf::new(),
            control_queue,
            controls,
            listens: AtomicBool::new(false),
            closing: CancellationToken::new(),
            closed: CancellationToken::new(),
            blocked: watch::Sender::new(false),
            heard: AtomicBool::new(false),
            connection: Mutex::new(None),
            desk: AsyncMutex::new(None),
        })
    }

    /// From here on there is this connection, or none.
    pub(crate) fn set(&self, connection: Option<Arc<Connection>>) {
        let connected = connection.is_some();
        self.blocked.send_replace(false);
        let old = std::mem::replace(&mut *self.lock(), connection);
        drop(old);
        self.connectivity.set(connected);
    }

    /// There will be no connection any more. Nobody is told, since that is as it should be.
    pub(crate) fn forget(&self) {
        let old = self.lock().take();
        drop(old);
    }

    /// The connection that there is now.
    pub(crate) fn connection(&self) -> Option<Arc<Connection>> {
        self.lock().clone()
    }

    /// Waits until RabbitMQ takes messages, for so long at most. Tells whether it does. What is written meanwhile the client
    /// keeps, and sends when nobody waits for it any more.
    pub(crate) async fn takes_within(&self, patience: Duration) -> bool {
        // It is never closed, since this has the sending end.
        timeout(patience, self.blocked.subscribe().wait_for(|&blocked| !blocked)).await.is_ok()
    }

    /// How many bytes a frame may have.
    pub(crate) fn frame_max(&self) -> usize {
        /// RabbitMQ's default.
        const USUAL: u32 = 131_072;
        let agreed = self.connection().map_or(USUAL, |connection| connection.configuration().frame_max());
        // 0 is no limit.
        if agreed == 0 { usize::MAX } else { usize::try_from(agreed).unwrap_or(usize::MAX) }
    }

    /// Where letters are handed in, on the connection that there is now.
    pub(crate) async fn desk(&self) -> Result<Desk, lapin::Error> {
        let mut desk = self.desk.lock().await;
        if let Some(desk) = desk.as_ref().filter(|desk| !desk.is_closed()) {
            return Ok(desk.clone());
        }
        let Some(connection) = self.connection() else {
            return Err(ErrorKind::InvalidConnectionState(lapin::ConnectionState::Closed).into());
        };
        if let Some(desk) = desk.as_ref() {
            desk.ended().await;
        }
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(desk.insert(Desk::open(channel)).clone())
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Connection>>> {
        // Nothing that holds the lock leaves it half changed.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
