//! What tests with a real server share.

#![allow(dead_code, reason = "each test program uses a part of it")]

pub(crate) mod tls;

use std::io::Write;

/// The address of the shared server. Without one the test is skipped, and says so.
pub(crate) fn address() -> Option<String> {
    let url = std::env::var("OCCAMY_AMQP_URL").unwrap_or_default();
    if url.is_empty() {
        let why = "skipped: OCCAMY_AMQP_URL names no server; `cargo xtask test` starts one";
        let _ = writeln!(std::io::stdout(), "{why}");
        return None;
    }
    Some(url.trim_start_matches("amqp://").trim_end_matches('/').to_owned())
}
