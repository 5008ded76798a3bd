//! The scheduler of Occamy, and the traits that tasks, messages and transports implement.
//!
//! Occamy keeps every core of a compute server busy without making a request wait. A server has a number of slots. Each
//! request becomes a *protected* task, which starts at once and is never stopped. Slots that no request needs are filled
//! with *unprotected* tasks: assistants that running tasks create, and offers from other servers. When a request comes
//! and every slot is taken, an unprotected task is evicted for it, within milliseconds.
//!
//! This crate decides and defines; it runs nothing. It has no threads, no clock, no locks and no I/O, and depends on no
//! asynchronous runtime.
//!
//! # Who should depend on it
//!
//! - Whoever writes a **transport** for another broker, or a **monitor**: these need the traits and no more.
//! - A library of **tasks**, which leaves the choice of runtime and broker to the program that uses it.
//! - Whoever drives the [`scheduler`] by other means, or simulates it.
//!
//! A program that serves requests depends on `occamy-runtime`, which runs tasks, and on a broker's crate.
//!
//! # What is in here
//!
//! | to | see |
//! | --- | --- |
//! | write work | [`Task`], [`AsyncTask`], [`CommandTask`], [`TaskDetails`], [`TaskContext`] |
//! | turn messages into work | [`Handler`], [`HandlerMux`], [`Headers`] |
//! | fail in a way that says what to do next | [`Error`], [`ErrorKind`] |
//! | watch | [`Monitor`], [`Observation`] |
//! | connect a broker | [`transport`], [`Message`], [`Verdict`] |
//! | run tasks | [`scheduler`], [`BoxTask::kind`], [`TaskHost`] |
//!
//! # Example
//!
//! A task that looks for divisors, and can be stopped at any time; and the handler that makes it of a message:
//!
//! ```
//! use bytes::Bytes;
//! use occamy_core::{BoxTask, Error, ErrorKind, Headers, Task, TaskContext, TaskDetails};
//!
//! struct Divisors {
//!     number: u32,
//! }
//!
//! impl Task for Divisors {
//!     fn details(&self) -> TaskDetails {
//!         TaskDetails::new(self.number.to_string()).group("divisors")
//!     }
//!
//!     fn run(&self, cx: &TaskContext) -> Result<(), Error> {
//!         for candidate in 2..self.number {
//!             cx.check()?;
//!             if self.number % candidate == 0 {
//!                 println!("{candidate}");
//!             }
//!         }
//!         Ok(())
//!     }
//! }
//!
//! fn handler(headers: &Headers, _body: &Bytes) -> Result<BoxTask, Error> {
//!     let number = u32::try_from(headers.integer("number")?)
//!         .map_err(|e| Error::new(ErrorKind::InvalidHeaders, "number: out of range").with_source(e))?;
//!     Ok(Divisors { number }.into())
//! }
//!
//! let task = handler(&Headers::new().with("number", 91), &Bytes::new())?;
//! assert_eq!(&*task.details().id, "91");
//! # Ok::<(), Error>(())
//! ```

mod context;
mod error;
mod future;
mod handler;
pub mod headers;
mod message;
mod monitor;
mod observation;
pub mod scheduler;
#[cfg(feature = "sim")]
#[doc(hidden)]
pub mod sim;
mod status;
mod task;
mod trace;
pub mod transport;
mod verdict;

pub use context::{StopFlag, TaskContext, TaskHost, TaskInfo};
pub use error::{Error, ErrorKind};
pub use future::BoxFuture;
pub use handler::{Handler, HandlerMux, handler_fn};
pub use headers::{Headers, Value};
pub use message::{LeaseWatch, Message, MessageOrigin, Settled, TestMessage};
pub use monitor::{Monitor, NoopMonitor, RecordingMonitor};
pub use observation::{BrokerEvent, LateEvent, Observation, OfferEnd, Process, SlotUsage};
pub use status::SlotStatus;
pub use task::{AsyncTask, BoxTask, CommandTask, OutputLine, OutputStream, Task, TaskDetails, TaskKind};
pub use trace::TraceContext;
pub use verdict::{Delivery, Fate, Limits, Outcome, OutcomeKind, Verdict, VerdictKind};
