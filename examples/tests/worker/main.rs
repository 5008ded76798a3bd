//! The real program `worker`: lines in, processes started, lines out.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

mod ending;
mod messages;
mod options;
#[path = "../support/process.rs"]
mod process;
mod processes;
mod support;
