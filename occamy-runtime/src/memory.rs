//! An embedded broker: everything a real one does for Occamy, in this process and nowhere else.
//!
//! For programs that need no other, for examples, and for tests of handlers and tasks. Any number of servers
//! [connect](MemoryBroker::connect) to a [`MemoryBroker`], and clients get a [publisher](MemoryBroker::publisher). What a
//! server meets here it also meets on the brokers of the adapter crates:
//!
//! | | here |
//! | --- | --- |
//! | requests | The oldest first, to the server that has waited longest. One that comes back keeps its age. |
//! | control messages | To every server that is connected, the sender's own included, in order. |
//! | failed | To the [dead letters](MemoryBroker::dead_letters), with the reason in the headers. Sent again as it is, a dead letter goes on counting its attempts. |
//! | to be retried | Available after the delay, with the attempt raised by one. |
//! | interrupted | Available to other servers at once, to the same one after a [pause](MemoryBrokerBuilder::pause). |
//! | busy | Kept, and counted against the server's credit, for half to one and a half pauses; then for other servers first. |
//! | a server that dies | Its requests go to others: at once if its connection ends, at the end of their [lease](MemoryBrokerBuilder::lease) if that is cut. A task may run for days while it is there. |
//! | a request that is dropped unsettled | Goes back at once; if the broker can't be reached, when it can, or at the end of the lease. |
//! | a late settlement | Is an error, [counted](Counts::stale), and changes nothing. |
//!
//! Nothing survives the process.
//!
//! # Testing a handler
//!
//! A test makes a broker, a server on it, and a client. When everything is settled the broker tells what became of it:
//!
//! ```
//! use std::time::Duration;
//!
//! use bytes::Bytes;
//! use occamy_core::transport::header;
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
//! broker.idle().await;
//!
//! let mut kinds = Vec::new();
//! for letter in broker.dead_letters() {
//!     kinds.push(letter.headers.string(header::KIND)?.to_owned());
//! }
//! kinds.sort();
//! assert_eq!(kinds, ["invalid_task", "unknown_handler_error"]);
//! assert_eq!(broker.stats().counts.done, 1);
//!
//! server.shutdown(Duration::ZERO).await;
//! serving.await??;
//! # Ok(())
//! # }
//! ```
//!
//! # Testing what goes wrong
//!
//! [`Faults`] stop the broker, cut connections, expire leases and let settlements fail. Time is tokio's, so where its clock
//! is paused (`#[tokio::test(start_paused = true)]`) the longest delay takes none: as long as the tasks are
//! [`AsyncTask`](occamy_core::AsyncTask)s, because a paused clock runs ahead while only threads are at work.
//!
//! Here the server that has a request is cut off, and another finishes the work when the lease is over:
//!
//! ```
//! use std::time::Duration;
//!
//! use bytes::Bytes;
//! use occamy_core::{AsyncTask, BoxFuture, BoxTask, Error, Headers, TaskContext, TaskDetails, handler_fn};
//! use occamy_runtime::{Server, memory::MemoryBroker};
//!
//! struct Minute;
//!
//! impl AsyncTask for Minute {
//!     fn details(&self) -> TaskDetails {
//!         TaskDetails::default()
//!     }
//!
//!     fn run<'a>(&'a self, _: &'a TaskContext) -> BoxFuture<'a, Result<(), Error>> {
//!         Box::pin(async {
//!             tokio::time::sleep(Duration::from_secs(60)).await;
//!             Ok(())
//!         })
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let broker = MemoryBroker::builder().lease(Duration::from_secs(10)).build();
//! let start = tokio::time::Instant::now();
//! let serve = |name: &str| {
//!     let server = Server::builder(handler_fn(|_, _| Ok(BoxTask::future(Minute)))).slots(1).build()?;
//!     tokio::spawn(server.serve(broker.connect(name)).into_future());
//!     Ok::<_, occamy_runtime::BuildError>(server)
//! };
//! let first = serve("first")?;
//! broker.publisher().request(Headers::new(), Bytes::new()).await?;
//! while broker.stats().in_flight.is_empty() {
//!     tokio::task::yield_now().await;
//! }
//!
//! broker.faults().cut("first");
//! let second = serve("second")?;
//! broker.idle().await;
//!
//! let counts = broker.stats().counts;
//! assert_eq!((counts.done, counts.redelivered, counts.stale), (1, 1, 1));
//! assert_eq!(start.elapsed().as_secs(), 70);
//! # first.shutdown(Duration::ZERO).await;
//! # second.shutdown(Duration::ZERO).await;
//! # Ok(())
//! # }
//! ```

mod builder;
mod dead;
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

use occamy_core::transport::{Observer, Publisher};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::sync::{Mutex, MutexGuard, lock};
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
