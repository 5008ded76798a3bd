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
//! assert_eq!(broker.stats().counts.done, 1);
//!
//! server.shutdown(std::time::Duration::ZERO).await;
//! serving.await??;
//! # Ok(())
//! # }
//! ```
//!
//! Time is tokio's: in a test with `start_paused` delays and leases take no time, as long as its tasks are
//! [`AsyncTask`](occamy_core::AsyncTask)s. (The paused clock runs ahead while only threads are at work.)

mod builder;
mod deliveries;
mod effects;
mod faults;
mod link;
mod message;
mod outbox;
mod publisher;
mod state;
mod stats;
mod timers;
mod transport;

pub use builder::MemoryBrokerBuilder;
pub use faults::Faults;
pub use stats::{Counts, DeadLetter, Stats};
pub use transport::MemoryTransport;

use std::fmt;
use std::sync::Arc;

use occamy_core::transport::Publisher;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::sync::{Mutex, MutexGuard, lock};
use link::Observer;
use publisher::MemoryPublisher;
use state::State;

/// The broker. A clone is cheap, and the same broker.
///
/// Connections and publishers are made and used within a tokio runtime, which tells the time and sends what is in the
/// outboxes. The rest needs none.
#[derive(Clone)]
pub struct MemoryBroker(Arc<Inner>);

struct Inner {
    settings: MemoryBrokerBuilder,
    state: Mutex<State>,
    /// Notified when the last request may have been settled for good.
    idle: Notify,
    /// Notified when the timekeeper has to look again.
    rearm: Arc<Notify>,
    timekeeper: Mutex<Option<JoinHandle<()>>>,
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

    fn with(settings: MemoryBrokerBuilder) -> Self {
        Self(Arc::new(Inner {
            state: Mutex::new(State::new(settings.latency.clone())),
            settings,
            idle: Notify::new(),
            rearm: Arc::default(),
            timekeeper: Mutex::default(),
        }))
    }

    /// Connects a server. The name is for [`stats`](Self::stats) and [`faults`](Self::faults), and best its own.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn connect(&self, name: impl Into<Arc<str>>) -> MemoryTransport {
        MemoryTransport::new(self, name.into())
    }

    /// A publisher for a client that is no server. It has an outbox of its own, which is sent even if the publisher is
    /// dropped. What can't be sent from there is logged.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn publisher(&self) -> Arc<dyn Publisher> {
        self.keep_time();
        let (publisher, _) = MemoryPublisher::new(self.clone(), None, Observer::default());
        Arc::new(publisher)
    }

    /// The dead letters so far, oldest first.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.lock().dead.clone()
    }

    /// Takes the dead letters out, oldest first.
    pub fn take_dead_letters(&self) -> Vec<DeadLetter> {
        std::mem::take(&mut self.lock().dead)
    }

    /// Resolves when every request that was sent is settled for good: none is queued, delayed or in flight. What is in an
    /// outbox was not sent yet.
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

    /// Changes the state and hands out what can be; then, without the lock, does what comes of it.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let result = change(&mut state);
        state.hand_out();
        let effects = std::mem::take(&mut state.effects);
        let (idle, overslept) = (state.is_idle(), state.timers.is_overslept());
        drop(state);
        if overslept {
            self.0.rearm.notify_one();
        }
        effects.carry_out();
        if idle {
            self.0.idle.notify_waiters();
        }
        result
    }

    /// Sees to it that somebody keeps the time: on this runtime, unless an earlier one is still at it.
    fn keep_time(&self) {
        let mut timekeeper = lock(&self.0.timekeeper);
        if timekeeper.as_ref().is_none_or(JoinHandle::is_finished) {
            let (broker, rearm) = (Arc::downgrade(&self.0), Arc::clone(&self.0.rearm));
            *timekeeper = Some(tokio::spawn(timers::keep_time(broker, rearm)));
        }
    }
}

/// Lets the timekeeper find out that there is nothing left to do.
impl Drop for Inner {
    fn drop(&mut self) {
        self.rearm.notify_one();
    }
}

impl fmt::Debug for MemoryBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MemoryBroker").field(&self.stats()).finish()
    }
}
