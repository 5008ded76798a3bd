//! The scheduler of Occamy, and the traits that tasks, messages and transports implement.

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
pub mod transport;
mod verdict;

pub use context::{StopFlag, TaskContext, TaskHost, TaskInfo};
pub use error::{Error, ErrorKind};
pub use future::BoxFuture;
pub use handler::{Handler, HandlerMux, handler_fn};
pub use headers::{Headers, Value};
pub use message::{LeaseWatch, Message, Settled, TestMessage};
pub use monitor::{Monitor, NoopMonitor, RecordingMonitor};
pub use observation::{BrokerEvent, LateEvent, Observation, OfferEnd, Process, SlotUsage};
pub use status::SlotStatus;
pub use task::{AsyncTask, BoxTask, Task, TaskDetails, TaskKind};
pub use verdict::{Delivery, Fate, Limits, Outcome, OutcomeKind, Verdict, VerdictKind};
