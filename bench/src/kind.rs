//! The two kinds of task that are measured.

use clap::ValueEnum;

/// Where the tasks run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// On tokio.
    Async,
    /// On the threads of their slots.
    Threads,
}
