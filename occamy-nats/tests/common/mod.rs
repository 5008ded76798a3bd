//! What tests with a real server share.

#![allow(dead_code, reason = "each test program uses a part of it")]

pub(crate) mod certificates;
pub(crate) mod jwt;
pub(crate) mod private;

use std::io::Write;

/// The address of the shared server, which lets everybody in. Without one the test is skipped, and says so.
pub(crate) fn address() -> Option<String> {
    let url = std::env::var("OCCAMY_NATS_URL").unwrap_or_default();
    if url.is_empty() {
        skipped("OCCAMY_NATS_URL names no server");
        return None;
    }
    Some(url.trim_start_matches("nats://").trim_end_matches('/').to_owned())
}

/// The server's program, for servers with other settings.
pub(crate) fn program() -> Option<String> {
    let program = std::env::var("OCCAMY_NATS_SERVER").ok();
    if program.is_none() {
        skipped("OCCAMY_NATS_SERVER names no program");
    }
    program
}

fn skipped(why: &str) {
    let _ = writeln!(std::io::stdout(), "skipped: {why}; `cargo xtask test` has what is needed");
}
