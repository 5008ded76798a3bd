//! `cargo xtask ci`: what CI runs, step by step, and what became of each step.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use cargo_metadata::MetadataCommand;
use clap::ValueEnum;
use xshell::{Shell, cmd};

use crate::brokers::Source;
use crate::{conformance, explore, interrupt, layers, mutants, ops, sim, test, tools};

/// Run what CI runs.
///
/// Every step is run even if an earlier one failed, so that one run tells all there is to mend. A table at the end
/// says what failed and what took how long; if anything failed, so does the command.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Run these steps only, in this order.
    #[arg(value_name = "STEP")]
    steps: Vec<Step>,
}

/// In the order in which they run: what fails quickly comes first.
#[derive(Clone, Copy, ValueEnum)]
enum Step {
    /// The code is formatted.
    Format,
    /// Dependencies point down only, manifests and the top folder are in order.
    Layers,
    /// Spelling.
    Typos,
    /// Licences, banned crates, sources. Not advisories: their database is fetched from elsewhere at each run, so
    /// that a change could fail for what the world did meanwhile, or where that place cannot be reached.
    Deny,
    /// The dashboard, alerts and manifests of occamy-metrics are valid, and the alerts' tests pass.
    Ops,
    /// Clippy without a warning.
    Clippy,
    /// The public documentation without a warning.
    Docs,
    /// What would be published can be packed.
    Package,
    /// Every test: the same as `cargo xtask test`.
    Test,
    /// The conformance of NATS's newest server, beside that of the system's, which the tests have taken: the same as
    /// `cargo xtask conformance nats --from pypi`.
    Newest,
    /// The simulation of the scheduler: the same as `cargo xtask sim`.
    Sim,
    /// Every interleaving of a few messages: the same as `cargo xtask explore`.
    Explore,
    /// The simulation notices what is broken: the same as `cargo xtask mutants`.
    Mutants,
}

pub(crate) fn run(sh: &Shell, args: &Args) -> Result<()> {
    let steps = if args.steps.is_empty() { Step::value_variants() } else { &args.steps };

    let mut ended = Vec::new();
    for &step in steps {
        println!("\n== {} ==", step.name());
        let start = Instant::now();
        let result = step.run(sh);
        if let Err(error) = &result {
            println!("{} failed: {error:#}", step.name());
        }
        if interrupt::was_asked() {
            bail!("interrupted");
        }
        ended.push(Ended { step, passed: result.is_ok(), took: start.elapsed() });
    }

    summarise(&ended)
}

impl Step {
    /// All steps that compile do it for the whole workspace with all features in the development profile, and leave
    /// RUSTFLAGS alone: dependencies are then compiled once, not once a step.
    fn run(self, sh: &Shell) -> Result<()> {
        match self {
            Self::Format => cmd!(sh, "cargo fmt --all --check").run()?,
            Self::Layers => layers::check(sh)?,
            Self::Typos => {
                tools::TYPOS.require(sh)?;
                cmd!(sh, "typos").run()?;
            }
            Self::Deny => {
                tools::CARGO_DENY.require(sh)?;
                cmd!(sh, "cargo deny --all-features check licenses bans sources").run()?;
            }
            Self::Ops => ops::check(sh)?,
            Self::Clippy => {
                cmd!(sh, "cargo clippy --workspace --all-targets --all-features -- -D warnings").run()?;
            }
            Self::Docs => {
                let _warnings = sh.push_env("RUSTDOCFLAGS", "-D warnings");
                cmd!(sh, "cargo doc --workspace --all-features --no-deps").run()?;
            }
            Self::Package => package(sh)?,
            Self::Test => test::run(sh, &test::Args::default())?,
            Self::Newest => conformance::run(sh, &conformance::Args::of("nats", Source::Pypi))?,
            Self::Sim => sim::run(&sim::Args::default())?,
            Self::Explore => explore::run(&explore::Args::default())?,
            Self::Mutants => mutants::run(&mutants::Args::default())?,
        }
        Ok(())
    }

    fn name(self) -> String {
        let value = self.to_possible_value().expect("no step is hidden");
        value.get_name().to_owned()
    }
}

/// Without compiling what was packed: a packed crate knows nothing of the workspace's profile and choice of features,
/// so every dependency would be compiled once more.
fn package(sh: &Shell) -> Result<()> {
    // A checkout in CI is clean, and a file that it lacks would be missing from the release.
    let dirty = if tools::in_ci() { None } else { Some("--allow-dirty") };
    let unpublished = unpublished()?.into_iter().flat_map(|name| ["--exclude".to_owned(), name]);
    cmd!(sh, "cargo package --workspace {unpublished...} --no-verify {dirty...}").run()?;
    Ok(())
}

fn unpublished() -> Result<Vec<String>> {
    let metadata = MetadataCommand::new().no_deps().exec()?;
    let ours = metadata.workspace_packages().into_iter();
    Ok(ours
        .filter(|package| !layers::is_published(package))
        .map(|package| package.name.to_string())
        .collect())
}

struct Ended {
    step: Step,
    passed: bool,
    took: Duration,
}

fn summarise(ended: &[Ended]) -> Result<()> {
    println!("\n{:<10} {:>8}", "step", "min:sec");
    for Ended { step, passed, took } in ended {
        let verdict = if *passed { "" } else { "FAILED" };
        println!("{:<10} {:>8}  {verdict}", step.name(), minutes(*took));
    }
    println!("{:<10} {:>8}", "all", minutes(ended.iter().map(|step| step.took).sum()));

    let failed: Vec<_> = ended.iter().filter(|step| !step.passed).map(|step| step.step.name()).collect();
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

fn minutes(time: Duration) -> String {
    format!("{}:{:02}", time.as_secs() / 60, time.as_secs() % 60)
}
