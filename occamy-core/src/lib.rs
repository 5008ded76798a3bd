//! The scheduler of Occamy, and the traits that tasks, messages and transports implement.

mod error;
pub mod headers;
mod observation;
pub mod scheduler;
mod status;
mod verdict;

pub use error::{Error, ErrorKind};
pub use headers::{Headers, Value};
pub use observation::{LateEvent, Observation, OfferEnd, SlotUsage};
pub use status::SlotStatus;
pub use verdict::{Delivery, Fate, Limits, Outcome, OutcomeKind, Verdict, VerdictKind};
