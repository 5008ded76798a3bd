//! A worker for any program: requests become command tasks, whichever broker they come from.

mod commands;
mod connection;
mod lines;
mod options;
mod replay;
mod run;
mod shared;

pub use options::Options;
pub use replay::{NoReplay, Replay};
pub use run::main;

use std::fmt;
use std::io::Write;

/// Says on standard error what is wrong. If nobody reads that, there is nobody to tell.
pub fn complain(what: fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stderr(), "error: {what}");
}
