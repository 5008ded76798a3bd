//! The live page in a real browser. Without `OCCAMY_CHROMIUM` in the environment, which names the program, the tests say that
//! they are skipped. Pictures of what was seen lie in `target/page`.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

mod browser;
mod line;
#[path = "../support/process.rs"]
mod process;
mod routes;
mod slots;
