//! The project's own commands: `cargo xtask --help`.

#![allow(clippy::print_stdout, reason = "a command-line program answers on its standard output")]

mod bench;
mod brokers;
mod ci;
mod conformance;
mod explore;
mod interrupt;
mod layers;
mod mutants;
mod ops;
mod sim;
mod suites;
mod test;
mod tools;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use xshell::Shell;

/// The project's own commands.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Command {
    Bench(bench::Args),
    Brokers(brokers::Args),
    Ci(ci::Args),
    Conformance(conformance::Args),
    Explore(explore::Args),
    Mutants(mutants::Args),
    Sim(sim::Args),
    Test(test::Args),
}

fn main() -> ExitCode {
    match run(&Command::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // On one line: where RUST_BACKTRACE is set, the long form would bury what a check found.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) -> Result<()> {
    let sh = Shell::new()?;
    sh.change_dir(workspace_root());

    match command {
        Command::Bench(args) => bench::run(&sh, args),
        Command::Brokers(args) => brokers::run(args),
        Command::Ci(args) => ci::run(&sh, args),
        Command::Conformance(args) => conformance::run(&sh, args),
        Command::Explore(args) => explore::run(args),
        Command::Mutants(args) => mutants::run(args),
        Command::Sim(args) => sim::run(args),
        Command::Test(args) => test::run(&sh, args),
    }
}

/// The commands work from any folder below the checkout, as cargo itself does.
fn workspace_root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().expect("xtask is a folder of the workspace")
}
