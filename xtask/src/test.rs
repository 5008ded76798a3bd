//! `cargo xtask test`: every test of the workspace, documentation examples included.

use anyhow::Result;
use xshell::{Shell, cmd};

/// Run every test, on a machine with only Rust, a C compiler and git.
#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Passed on to the test harness, for example a part of a test's name.
    #[arg(last = true, value_name = "HARNESS_ARGS")]
    harness: Vec<String>,
}

pub(crate) fn run(sh: &Shell, args: &Args) -> Result<()> {
    cargo_test(sh, &args.harness)
}

fn cargo_test(sh: &Shell, harness: &[String]) -> Result<()> {
    cmd!(sh, "cargo test --workspace --all-features -- {harness...}").run()?;
    Ok(())
}
