//! The embedded broker is run against the conformance kit.

mod memory;

use std::process::ExitCode;

fn main() -> ExitCode {
    occamy_runtime::conformance::main(memory::Memory::default())
}
