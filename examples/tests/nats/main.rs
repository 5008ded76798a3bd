//! The programs with a real NATS, each in processes of its own. Without `OCCAMY_NATS_URL` the tests say that they are
//! skipped.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

#[path = "../support/process.rs"]
mod process;
mod routes;
mod server;
mod service;
mod worker;
