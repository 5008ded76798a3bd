//! The transport is run against the conformance kit, on the server that `OCCAMY_NATS_URL` names:
//! `cargo xtask conformance nats`.

mod hostile;
mod nats;
mod private;

use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    match nats::Nats::from_environment() {
        Some(nats) => occamy_runtime::conformance::main(nats),
        None => {
            let _ = writeln!(
                std::io::stdout(),
                "skipped: OCCAMY_NATS_URL names no server; `cargo xtask conformance nats` starts one"
            );
            ExitCode::SUCCESS
        }
    }
}
