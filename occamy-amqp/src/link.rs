//! What everything of one transport shares: the connection that there is now, the shelf, and who is told what.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lapin::options::ConfirmSelectOptions;
use lapin::{Channel, Connection};
use occamy_transport::{Connectivity, Shelf};
use tokio::runtime::Handle;
use tokio::sync::{Mutex as AsyncMutex, mpsc};
use tokio_util::sync::CancellationToken;

use crate::builder::AmqpBuilder;
use crate::control::Control;
use crate::message::Request;

/// The shared part of a transport. Whoever has it doesn't keep the transport's thread alive.
pub(crate) struct Link {
    pub(crate) builder: AmqpBuilder,
    pub(crate) connectivity: Connectivity,
    /// That of the transport's thread.
    pub(crate) runtime: Handle,
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
    /// RabbitMQ was told of the end.
    pub(crate) heard: AtomicBool,
    connection: Mutex<Option<Arc<Connection>>>,
    /// The channel for sending. RabbitMQ closes it over a message that it can't take, and then it is opened anew.
    sending: AsyncMutex<Option<Channel>>,
}

impl Link {
    pub(crate) fn new(builder: AmqpBuilder, runtime: Handle, controls: mpsc::Sender<Control>) -> Arc<Self> {
        let own = uuid::Uuid::new_v4().simple();
        let control_queue = format!("{}{own}", builder.names.control_queue_prefix);
        Arc::new(Self {
            builder,
            connectivity: Connectivity::new(false),
            runtime,
            shelf: Shelf::new(),
            control_queue,
            controls,
            listens: AtomicBool::new(false),
            closing: CancellationToken::new(),
            closed: CancellationToken::new(),
            heard: AtomicBool::new(false),
            connection: Mutex::new(None),
            sending: AsyncMutex::new(None),
        })
    }

    /// From here on there is this connection, or none.
    pub(crate) fn set(&self, connection: Option<Arc<Connection>>) {
        let connected = connection.is_some();
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

    /// How many bytes a frame may have.
    pub(crate) fn frame_max(&self) -> usize {
        /// RabbitMQ's default.
        const USUAL: u32 = 131_072;
        let agreed = self.connection().map_or(USUAL, |connection| connection.configuration().frame_max());
        // 0 is no limit.
        if agreed == 0 { usize::MAX } else { usize::try_from(agreed).unwrap_or(usize::MAX) }
    }

    /// The channel for sending, on the connection that there is now.
    pub(crate) async fn sending(&self) -> Result<Channel, lapin::Error> {
        let mut sending = self.sending.lock().await;
        if let Some(channel) = sending.as_ref().filter(|channel| channel.status().connected()) {
            return Ok(channel.clone());
        }
        let Some(connection) = self.connection() else {
            return Err(lapin::ErrorKind::InvalidConnectionState(lapin::ConnectionState::Closed).into());
        };
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        *sending = Some(channel.clone());
        Ok(channel)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Connection>>> {
        // Nothing that holds the lock leaves it half changed.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
