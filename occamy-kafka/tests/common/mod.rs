//! What tests with a real node share.

#![allow(dead_code, reason = "each test program uses a part of it")]

// Encryption is the same before any server that knows none.
#[path = "../../../occamy-amqp/tests/common/tls.rs"]
pub(crate) mod tls;

use std::io::Write;

/// The address of the shared node. Without one the test is skipped, and says so.
pub(crate) fn address() -> Option<String> {
    let address = named();
    if address.is_none() {
        let why = "skipped: OCCAMY_KAFKA_URL names no node; `cargo xtask test` starts one";
        let _ = writeln!(std::io::stdout(), "{why}");
    }
    address
}

/// The address of the node that the environment names.
pub(crate) fn named() -> Option<String> {
    let url = std::env::var("OCCAMY_KAFKA_URL").ok().filter(|url| !url.is_empty())?;
    Some(url.trim_start_matches("kafka://").trim_end_matches('/').to_owned())
}

/// Where the node listens for clients that have to say who they are.
pub(crate) fn sasl_address() -> Option<String> {
    std::env::var("OCCAMY_KAFKA_SASL").ok()
}
