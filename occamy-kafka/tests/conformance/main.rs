//! The transport is run against the conformance kit, on the node that `OCCAMY_KAFKA_URL` names:
//! `cargo xtask conformance kafka`.

#[path = "../common/mod.rs"]
mod common;
mod hostile;
mod kafka;
mod mock;

use std::process::ExitCode;

fn main() -> ExitCode {
    occamy_runtime::conformance::main(kafka::Kafka::from_environment())
}
