//! The transport is run against the conformance kit, on the server that `OCCAMY_AMQP_URL` names:
//! `cargo xtask conformance amqp`.

#[path = "../common/mod.rs"]
mod common;
mod hostile;
mod rabbitmq;

use std::process::ExitCode;

fn main() -> ExitCode {
    match rabbitmq::RabbitMq::from_environment() {
        Some(rabbitmq) => occamy_runtime::conformance::main(rabbitmq),
        // It has been said why.
        None => ExitCode::SUCCESS,
    }
}
