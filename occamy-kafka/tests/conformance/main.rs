//! The transport is run against the conformance kit, on the node that `OCCAMY_KAFKA_URL` names:
//! `cargo xtask conformance kafka`.

#[path = "../common/mod.rs"]
mod common;
mod hostile;
mod kafka;

use std::process::ExitCode;

fn main() -> ExitCode {
    match kafka::Kafka::from_environment() {
        Some(kafka) => occamy_runtime::conformance::main(kafka),
        // It has been said why.
        None => ExitCode::SUCCESS,
    }
}
