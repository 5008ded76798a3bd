//! An embedded broker: everything a real one does for Occamy, in this process and nowhere else.
//!
//! For programs that need no other, for examples, and for tests of handlers and tasks: leases, redelivery, attempts, dead
//! letters, delayed requeues and control messages for any number of servers behave as on the brokers of the adapter
//! crates, and [faults](MemoryBroker::faults) can be had on demand. Nothing survives the process.
//!
//! # Testing a handler
//!
//! A test makes a broker, a server on it, and a client. When the request is settled the broker tells what became of it:
//!
//! ```
//! use bytes::Bytes;
//! use occamy_core::transport::{Publisher, Transport, header};
//! use occamy_core::{BoxTask, Error, ErrorKind, Headers, Task, TaskContext, TaskDetails, handler_fn};
//! use occamy_runtime::{Server, memory::MemoryBroker};
//!
//! struct Halve(u32);
//!
//! impl Task for Halve {
//!     fn details(&self) -> TaskDetails {
//!         TaskDetails::default()
//!     }
//!
//!     fn run(&self, _: &TaskContext) -> Result<(), Error> {
//!         if self.0 % 2 == 0 { Ok(()) } else { Err(Error::new(ErrorKind::InvalidTask, "odd")) }
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let broker = MemoryBroker::new();
//! let handler = handler_fn(|_, body| {
//!     let text = std::str::from_utf8(body).map_err(Error::other)?;
//!     Ok(BoxTask::from(Halve(text.parse().map_err(Error::other)?)))
//! });
//! let server = Server::builder(handler).slots(2).build()?;
//! let serving = tokio::spawn(server.serve(broker.connect("server")).into_future());
//!
//! let client = broker.publisher();
//! for number in ["4", "7", "x"] {
//!     client.request(Headers::new(), Bytes::from(number)).await?;
//! }
//! broker.idle().await; // every request is settled for good
//!
//! let mut dead: Vec<_> = broker.dead_letters().iter().map(|letter| letter.headers.string(header::KIND).unwrap().to_owned()).collect();
//! dead.sort();
//! assert_eq!(dead, ["invalid_task", "unknown_handler_error"]);
//! assert_eq!(broker.stats().done, 1);
//!
//! server.shutdown(std::time::Duration::ZERO).await;
//! serving.await??;
//! # Ok(())
//! # }
//! ```
//!
//! Time is tokio's: in a test with `start_paused` delays and leases take no time, as long as its tasks are
//! [`AsyncTask`](occamy_core::AsyncTask)s. (The paused clock runs ahead while only threads are at work.)

mod connection;
mod faults;
mod message;
mod publisher;
mod state;

pub use connection::MemoryTransport;
pub use faults::Faults;
pub use state::{DeadLetter, Stats};

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use occamy_core::transport::Publisher;
use tokio::sync::Notify;

use crate::sync::{Mutex, MutexGuard, lock};
use publisher::MemoryPublisher;
use state::State;

/// The broker. A clone is cheap, and the same broker.
///
/// Everything but reading its state has to happen within a tokio runtime, which tells the time and sends what is in the
/// outboxes.
#[derive(Clone)]
pub struct MemoryBroker(Arc<Inner>);

struct Inner {
    settings: MemoryBrokerBuilder,
    state: Mutex<State>,
    /// Notified whenever the last unsettled request may be gone.
    idle: Notify,
}

/// Builds a [`MemoryBroker`] with other settings than the default ones.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it builds"]
pub struct MemoryBrokerBuilder {
    lease: Duration,
    max_message: usize,
    outbox: usize,
    control_queue: usize,
    pause: Duration,
}

impl Default for MemoryBrokerBuilder {
    fn default() -> Self {
        Self {
            // As long as JetStream's default ack wait.
            lease: Duration::from_secs(30),
            // NATS takes a megabyte unless told otherwise; what passes here should pass there.
            max_message: 1 << 20,
            outbox: 1024,
            // What async-nats buffers for a subscription.
            control_queue: 65_536,
            // Long enough for another server to come first, short enough not to be felt by a lone one.
            pause: Duration::from_millis(100),
        }
    }
}

impl MemoryBrokerBuilder {
    /// How long the requests of a server stay its own after the connection with it was lost. 30 s by default.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// The largest message that is taken, headers and body together, in bytes. 1 MiB by default.
    pub fn max_message(mut self, bytes: usize) -> Self {
        self.max_message = bytes;
        self
    }

    /// How many messages an outbox holds at most. At least 1; 1,024 by default.
    pub fn outbox(mut self, messages: usize) -> Self {
        self.outbox = messages.max(1);
        self
    }

    /// How many control messages wait for one server at most; when more come the oldest are dropped. 65,536 by default.
    pub fn control_queue(mut self, messages: usize) -> Self {
        self.control_queue = messages;
        self
    }

    /// How long a request that was handed back as interrupted is kept for other servers; the one that gave it back can
    /// have it again only then. One handed back as busy is kept from everybody for half to one and a half times as long.
    /// 100 ms by default.
    pub fn pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// Builds the broker.
    pub fn build(self) -> MemoryBroker {
        MemoryBroker(Arc::new(Inner { settings: self, state: Mutex::default(), idle: Notify::new() }))
    }
}

impl Default for MemoryBroker {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryBroker {
    /// A broker with the default settings.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Begins to build a broker with other settings.
    pub fn builder() -> MemoryBrokerBuilder {
        MemoryBrokerBuilder::default()
    }

    /// Connects a server. The name is for [`stats`](Self::stats) and [`faults`](Self::faults).
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn connect(&self, name: impl Into<Arc<str>>) -> MemoryTransport {
        MemoryTransport::new(self, name.into())
    }

    /// A publisher for a client that is no server.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn publisher(&self) -> Arc<dyn Publisher> {
        Arc::new(MemoryPublisher::new(self.clone(), Arc::default()))
    }

    /// The dead letters so far, oldest first.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.lock().dead.clone()
    }

    /// Takes the dead letters out, oldest first.
    pub fn take_dead_letters(&self) -> Vec<DeadLetter> {
        std::mem::take(&mut self.lock().dead)
    }

    /// Resolves when no request is queued, delayed or unsettled.
    ///
    /// # Cancel safety
    ///
    /// Safe to drop and to call again.
    pub async fn idle(&self) {
        loop {
            let changed = self.0.idle.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.lock().is_idle() {
                return;
            }
            changed.await;
        }
    }

    /// What the broker holds and has done.
    pub fn stats(&self) -> Stats {
        self.lock().stats()
    }

    /// Makes things go wrong, for tests.
    pub fn faults(&self) -> Faults {
        Faults::new(self.clone())
    }

    fn settings(&self) -> &MemoryBrokerBuilder {
        &self.0.settings
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.0.state)
    }

    /// Changes the state; then hands out what can be, and calls whoever has lost a lease, without the lock.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let result = change(&mut state);
        state.hand_out(tokio::time::Instant::now());
        let lost = std::mem::take(&mut state.lost);
        let idle = state.is_idle();
        drop(state);
        for watch in lost {
            watch();
        }
        if idle {
            self.0.idle.notify_waiters();
        }
        result
    }

    /// Changes the state after a delay, whatever becomes of the caller.
    fn change_later(&self, delay: Duration, change: impl FnOnce(&mut State) + Send + 'static) {
        let broker = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            broker.change(change);
        });
    }
}

impl fmt::Debug for MemoryBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MemoryBroker").field(&self.stats()).finish()
    }
}
