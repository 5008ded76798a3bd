//! Commands: each in a process group of its own, which is ended on a stop, and doesn't outlive its task.
//!
//! ```text
//! server ─┬─ launcher   /bin/sh, leader of the group; waits for a newline on its standard input,
//!         │             then becomes the program, with the same pid, group and pipes
//!         └─ guard      /bin/sh in the same group; its standard input ends with the server,
//!                       however that ends, and then it kills the group
//! ```
//!
//! The newline is written when the guard is ready. Without it the launcher ends, so that no program ever runs without a
//! guard. And while guard or launcher has not been waited for, the group's id can't become another's. A command takes six file
//! descriptors of the server while it runs.

#[cfg(unix)]
mod environment;
#[cfg(unix)]
mod group;
#[cfg(unix)]
mod guard;
#[cfg(unix)]
mod launch;
#[cfg(unix)]
mod lines;
#[cfg(unix)]
mod output;
#[cfg(unix)]
mod priority;
#[cfg(unix)]
mod status;
#[cfg(unix)]
mod tail;
#[cfg(unix)]
mod unix;

#[cfg(unix)]
pub(crate) use unix::run;

/// There are no process groups here.
#[cfg(not(unix))]
pub(crate) async fn run(
    _: &occamy_core::CommandTask,
    _: &occamy_core::TaskContext,
    _: &crate::host::Host,
    _: std::time::Duration,
) -> occamy_core::Outcome {
    let message = "command tasks run on Unix only";
    occamy_core::Outcome::Failed(occamy_core::Error::new(occamy_core::ErrorKind::InvalidTask, message))
}
