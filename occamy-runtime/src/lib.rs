//! Runs the scheduler of Occamy with tokio and threads.

mod alarm;
mod builder;
mod caught;
mod compute;
mod desk;
mod futures;
mod host;
mod messages;
mod monitors;
mod pool;
mod serve;
mod server;
mod settlement;
mod shared;
pub mod signals;
mod span;
mod sync;

pub use builder::{BuildError, ServerBuilder};
pub use desk::{Snapshot, TaskSnapshot, TaskState};
pub use serve::{Serve, ServeError};
pub use server::{Server, ShutdownReport};
