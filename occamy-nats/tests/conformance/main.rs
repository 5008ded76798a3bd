//! The transport is run against the conformance kit, on the server that `OCCAMY_NATS_URL` names:
//! `cargo xtask conformance nats`.

#[path = "../common/mod.rs"]
mod common;
mod hostile;
mod misuse;
mod nats;

use std::process::ExitCode;

fn main() -> ExitCode {
    match nats::Nats::from_environment() {
        Some(nats) => occamy_runtime::conformance::main(nats),
        // It has been said why.
        None => ExitCode::SUCCESS,
    }
}
