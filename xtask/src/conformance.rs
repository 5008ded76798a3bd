//! `cargo xtask conformance`: the conformance kit on one transport, against the real server.

use std::process::Command;

use anyhow::{Result, bail};
use clap::builder::PossibleValuesParser;
use xshell::Shell;

use crate::brokers::{Options, Session, Source};
use crate::suites::{self, Suite};
use crate::{interrupt, workspace_root};

/// Run the conformance kit on one transport, against a real server, which is found or started.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The transport.
    #[arg(value_name = "TRANSPORT", value_parser = PossibleValuesParser::new(names()))]
    name: String,
    /// Only the checks whose name contains one of these.
    #[arg(value_name = "CHECK")]
    checks: Vec<String>,
    #[command(flatten)]
    options: Options,
    /// Passed on to the kit: `--list` and the like.
    #[arg(last = true, value_name = "KIT_ARGS")]
    kit: Vec<String>,
}

impl Args {
    /// All checks on one transport, against a server from there.
    pub(crate) fn of(name: &str, from: Source) -> Self {
        let options = Options { from: Some(from), ..Options::default() };
        Self { name: name.to_owned(), checks: Vec::new(), options, kit: Vec::new() }
    }
}

/// Runs the command.
pub(crate) fn run(sh: &Shell, args: &Args) -> Result<()> {
    let _watch = interrupt::watch()?;
    let suite = suites::existing(workspace_root()).find(|suite| suite.name == args.name);
    let Suite { package, broker, .. } = suite.expect("clap knows the same suites");

    let session = Session::begin(broker.as_slice(), &args.options)?;
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--package", package, "--all-features", "--test", suites::TARGET, "--"]);
    cargo.args(&args.checks).args(&args.kit).envs(&session.variables).current_dir(sh.current_dir());
    if !interrupt::run(&mut cargo)?.success() {
        bail!("{} does not conform", args.name);
    }
    Ok(())
}

fn names() -> Vec<&'static str> {
    suites::existing(workspace_root()).map(|suite| suite.name).collect()
}
