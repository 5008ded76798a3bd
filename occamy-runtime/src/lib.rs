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
mod server;
mod settlement;
mod shared;
mod span;
mod sync;

pub use builder::{BuildError, ServerBuilder};
pub use desk::{Snapshot, TaskSnapshot, TaskState};
pub use server::{Server, ShutdownReport};
