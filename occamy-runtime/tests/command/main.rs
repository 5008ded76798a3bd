//! Commands as tasks, with real processes in real time.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, unreachable_pub, reason = "helpers of tests are tests, too")]

#[path = "../common/mod.rs"]
mod common;

mod again;
mod bodies;
mod endings;
mod environment;
mod hooks;
mod killed;
mod leftovers;
mod logged;
mod output;
mod processes;
mod runtimes;
mod scripts;
mod shortage;
mod stops;
mod traces;
