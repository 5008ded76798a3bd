//! Runs Occamy servers with tokio and threads.
//!
//! A [`Server`] has N slots. Requests become protected tasks that start at once; every spare slot runs unprotected
//! assistants of running work, which are stopped when a request needs their slot. The rules live in
//! [`occamy_core::scheduler`]; this crate drives them:
//!
//! - [`Server::builder`] makes a server of a [`Handler`](occamy_core::Handler); [`Server::serve`] connects it with a
//!   transport.
//! - A [`Task`](occamy_core::Task) runs on the thread of its slot, an [`AsyncTask`](occamy_core::AsyncTask) on tokio, a
//!   [`CommandTask`](occamy_core::CommandTask) in a process group of its own, which takes a Unix with `/bin/sh`. `expand`
//!   and `handle` are called on a few threads beside.
//! - [`spans`] tells what is traced, and how a trace goes on from message to message.
//! - [`signals`] has the signals that end a server, [`test_support`] a context for unit tests of tasks.

mod alarm;
mod builder;
mod caught;
mod command;
mod compute;
#[cfg(feature = "conformance")]
pub mod conformance;
mod desk;
mod futures;
mod host;
mod lineage;
pub mod memory;
mod messages;
mod monitors;
mod pool;
mod priority;
mod reaper;
mod serve;
mod server;
mod settlement;
mod shared;
pub mod signals;
mod slot_thread;
pub mod spans;
mod sync;
pub mod test_support;
mod timekeeper;

pub use builder::{BuildError, ServerBuilder};
pub use desk::{IdlePriority, Snapshot, TaskSnapshot, TaskState};
pub use serve::{Serve, ServeError};
pub use server::{Server, ShutdownReport};
