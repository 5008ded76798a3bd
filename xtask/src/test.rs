//! `cargo xtask test`: every test of the workspace, documentation examples included, with the brokers they need.

mod browser;
mod side_by_side;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use cargo_metadata::{Metadata, MetadataCommand, TargetKind};
use xshell::Shell;

use crate::brokers::{Broker, Options, Session};
use crate::{interrupt, suites, workspace_root};

/// Run every test, on a machine with only Rust, a C compiler, make and git. The brokers are found or started.
#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Leave out the tests that need this broker. May be repeated.
    #[arg(long, value_name = "BROKER")]
    without: Vec<Broker>,
    /// Leave out the tests of the live page, which need Chromium.
    #[arg(long)]
    without_browser: bool,
    #[command(flatten)]
    options: Options,
    /// Passed on to the test harness, for example a part of a test's name.
    #[arg(last = true, value_name = "HARNESS_ARGS")]
    harness: Vec<String>,
}

/// The same choice of packages and features in every call, so that everything is compiled once.
const EVERYTHING: [&str; 3] = ["test", "--workspace", "--all-features"];

/// Runs the command.
pub(crate) fn run(sh: &Shell, args: &Args) -> Result<()> {
    let _watch = interrupt::watch()?;
    let mut workspace = MetadataCommand::new();
    workspace.manifest_path(workspace_root().join("Cargo.toml")).no_deps();
    let workspace = workspace.exec().context("cargo metadata")?;
    let packages = workspace.workspace_packages();
    let needed = suites::brokers(packages.iter().map(|package| package.name.as_str()));
    let (without, needed): (Vec<Broker>, Vec<Broker>) =
        needed.into_iter().partition(|broker| args.without.contains(broker));

    let mut session = Session::begin(&needed, &args.options)?;
    session
        .add_clients(&args.options)
        .context("a test has no client in Python, and `--without` its broker leaves it out")?;
    if !args.without_browser {
        let browser = browser::find(&args.options).context("`--without-browser` leaves its tests out")?;
        session.variables.insert(browser::VARIABLE, browser);
    }
    let (folder, variables) = (&sh.current_dir(), &session.variables);
    let surroundings = Surroundings { folder, variables, without, without_browser: args.without_browser };

    let ordinary = ordinary_targets(&workspace);
    let ordinary: Vec<&str> = ordinary.iter().map(String::as_str).collect();
    pass("tests", surroundings.cargo_test(&ordinary).arg("--").args(&args.harness))?;
    side_by_side::run(&workspace, &surroundings, &args.harness)?;
    pass("documentation examples", surroundings.cargo_test(&["--doc"]).arg("--").args(&args.harness))?;

    if args.without_browser {
        println!("without a browser: the tests of the live page were skipped");
    }
    for broker in surroundings.without {
        println!("without {}: the tests that need it were skipped", broker.name());
    }
    Ok(())
}

/// Where tests run, and how they find the brokers.
struct Surroundings<'a> {
    folder: &'a Path,
    variables: &'a BTreeMap<&'static str, String>,
    /// Tests that find no URL say that they are skipped.
    without: Vec<Broker>,
    without_browser: bool,
}

impl Surroundings<'_> {
    fn cargo_test(&self, targets: &[&str]) -> Command {
        let mut cargo = Command::new("cargo");
        cargo.args(EVERYTHING).args(targets).current_dir(self.folder);
        self.tell(&mut cargo);
        cargo
    }

    fn tell(&self, command: &mut Command) {
        command.envs(self.variables);
        for broker in &self.without {
            command.env_remove(broker.variable());
        }
        if self.without_browser {
            command.env_remove(browser::VARIABLE);
        }
    }
}

fn pass(what: &str, command: &mut Command) -> Result<()> {
    if !interrupt::run(command)?.success() {
        bail!("{what} failed");
    }
    Ok(())
}

/// All that `cargo test` runs, but the conformance suites, which mostly wait and can do that together, and the
/// documentation's examples, which Cargo takes only alone.
fn ordinary_targets(workspace: &Metadata) -> Vec<String> {
    let packages = workspace.workspace_packages();
    let targets = packages.iter().flat_map(|package| &package.targets);
    let tests: BTreeSet<&str> = targets
        .filter(|target| target.kind.contains(&TargetKind::Test) && target.test)
        .map(|target| target.name.as_str())
        .filter(|&name| name != suites::TARGET)
        .collect();

    let mut chosen = vec!["--lib".to_owned(), "--bins".to_owned()];
    chosen.extend(tests.into_iter().flat_map(|name| ["--test".to_owned(), name.to_owned()]));
    chosen
}
