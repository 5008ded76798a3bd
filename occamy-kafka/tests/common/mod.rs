//! What tests with a real node share.

#![allow(dead_code, reason = "each test program uses a part of it")]

// Encryption is the same before any server that knows none.
#[path = "../../../occamy-amqp/tests/common/tls.rs"]
pub(crate) mod tls;

use std::io::Write;

/// The address of the shared node. Without one the test is skipped, and says so.
pub(crate) fn address() -> Option<String> {
    let url = std::env::var("OCCAMY_KAFKA_URL").unwrap_or_default();
    if url.is_empty() {
        let why = "skipped: OCCAMY_KAFKA_URL names no node; `cargo xtask test` starts one";
        let _ = writeln!(std::io::stdout(), "{why}");
        return None;
    }
    Some(url.trim_start_matches("kafka://").trim_end_matches('/').to_owned())
}

/// Where the node listens for clients that have to say who they are.
pub(crate) fn sasl_address() -> Option<String> {
    std::env::var("OCCAMY_KAFKA_SASL").ok()
}
