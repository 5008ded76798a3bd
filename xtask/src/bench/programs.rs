//! The programs that measure: built once, and run in turn.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use super::machine::Machine;
use super::spec::{Benchmark, Case};
use crate::interrupt;

mod go;
mod output;

pub(super) use output::Output;

/// How long one process may take, in seconds: far more than any needs.
const LIMIT: &str = "120";

/// Where the programs are.
pub(super) struct Programs {
    ours: PathBuf,
    /// Or why there is none.
    peer: Result<PathBuf, String>,
}

/// What ours and the peer printed in one turn.
pub(super) struct Turn {
    pub(super) ours: Run,
    pub(super) peer: Option<Run>,
}

/// One process.
pub(super) struct Run {
    pub(super) output: Output,
    /// How long the machine took for a fixed amount of work just before, in seconds.
    pub(super) spin: f64,
}

impl Programs {
    pub(super) fn build(sh: &Shell, without_go: bool) -> Result<Self> {
        cmd!(sh, "cargo build --release --package occamy-bench").run()?;
        let target = target_folder()?;
        let peer = if without_go {
            Err("it was left out".to_owned())
        } else {
            go::build(sh, &target).map_err(|error| format!("{error:#}"))
        };
        if let Err(reason) = &peer {
            eprintln!("the Go library is left out: {reason}");
        }
        Ok(Self { ours: target.join("release").join("occamy-bench"), peer })
    }

    /// Why there is no peer, if there is none.
    pub(super) fn missing_peer(&self) -> Option<&str> {
        self.peer.as_ref().err().map(String::as_str)
    }

    /// Runs every case as often as there are turns: all cases, and then all of them again. So what is compared lies close
    /// together, and what repeats far apart.
    pub(super) fn take_turns(
        &self,
        benchmark: &Benchmark,
        turns: usize,
        machine: &mut Machine,
    ) -> Result<Vec<Vec<Turn>>> {
        let mut runs: Vec<Vec<Turn>> = benchmark.cases.iter().map(|_| Vec::new()).collect();
        for _ in 0..turns {
            for (case, runs) in benchmark.cases.iter().zip(&mut runs) {
                runs.push(self.turn(case, machine)?);
            }
        }
        Ok(runs)
    }

    fn turn(&self, case: &Case, machine: &mut Machine) -> Result<Turn> {
        let ours = run(&self.ours, &case.our_options(), machine)?;
        let peer = match &self.peer {
            Ok(program) => run(program, case.peer_options(), machine).map(Some).or_else(left_out)?,
            Err(_) => None,
        };
        Ok(Turn { ours, peer })
    }
}

/// What the peer fails at is a finding, and no reason to end.
fn left_out(error: anyhow::Error) -> Result<Option<Run>> {
    if interrupt::was_asked() {
        return Err(error);
    }
    eprintln!("the peer has no figure in this turn: {error:#}");
    Ok(None)
}

/// Runs a program to its end, which it finds itself when the limit is over.
fn run(program: &Path, options: &[String], machine: &mut Machine) -> Result<Run> {
    let spin = machine.spin();
    let call = || format!("{} {}", program.display(), options.join(" "));
    let mut command = Command::new(program);
    command.args(["--limit", LIMIT]).args(options).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut printed = Ok(String::new());
    let status = interrupt::follow(&mut command, |child| {
        printed = child.stdout.take().context("no output").and_then(|mut output| {
            let mut text = String::new();
            output.read_to_string(&mut text)?;
            Ok(text)
        });
    })?;
    ensure!(status.success(), "{} failed: {status}", call());
    let output = Output::parse(&printed?).with_context(|| format!("what {} prints", call()))?;
    Ok(Run { output, spin })
}

fn target_folder() -> Result<PathBuf> {
    let metadata = cargo_metadata::MetadataCommand::new().no_deps().exec()?;
    Ok(metadata.target_directory.into())
}
