//! The programs that measure: built once, and run in turn.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use super::brokers::Brokers;
use super::machine::Machine;
use super::spec::{Benchmark, Case, Peer, Program};
use crate::interrupt;

mod apalis;
pub(super) mod callgrind;
mod celery;
mod go;
mod output;

pub(super) use output::Output;

/// How long one process may take, in seconds: far more than any needs.
const LIMIT: &str = "120";

/// Where the programs are.
pub(super) struct Programs {
    ours: PathBuf,
    /// The same with what goes through a broker, if that is needed.
    ours_with_brokers: PathBuf,
    /// Where they run, and leave what another one reads.
    folder: PathBuf,
    /// Or why there is none.
    others: BTreeMap<Program, Result<PathBuf, String>>,
}

/// What ours and the peers printed in one turn.
pub(super) struct Turn {
    pub(super) ours: Run,
    /// As the case's peers.
    pub(super) peers: Vec<Option<Run>>,
}

/// One process.
pub(super) struct Run {
    pub(super) output: Output,
    /// How long the machine took for a fixed amount of work just before, in seconds.
    pub(super) spin: f64,
}

impl Programs {
    /// Ours, and the others that these benchmarks need.
    pub(super) fn build<'a>(
        sh: &Shell,
        benchmarks: impl Iterator<Item = &'a Benchmark> + Clone,
        without: &[Program],
    ) -> Result<Self> {
        let target = target_folder()?;
        let folder = target.join("bench");
        sh.create_dir(&folder)?;
        let ours = target.join("release").join("occamy-bench");
        let ours_with_brokers = folder.join("occamy-bench-brokers");
        if benchmarks.clone().flat_map(|it| &it.cases).any(|case| case.broker.is_some()) {
            cmd!(sh, "cargo build --release --package occamy-bench --features brokers").run()?;
            sh.copy_file(&ours, &ours_with_brokers)?;
        }
        cmd!(sh, "cargo build --release --package occamy-bench").run()?;
        let mut others = BTreeMap::new();
        for peer in benchmarks.flat_map(|it| &it.cases).flat_map(|case| &case.peers) {
            let build = match peer.program {
                Program::Ours => continue,
                Program::Go => go::build,
                Program::Apalis => apalis::build,
                Program::Celery => celery::build,
            };
            others.entry(peer.program).or_insert_with(|| {
                let built = if without.contains(&peer.program) {
                    Err("it was left out".to_owned())
                } else {
                    build(sh, &target).map_err(|error| format!("{error:#}"))
                };
                built.inspect_err(|reason| eprintln!("{} is left out: {reason}", peer.name))
            });
        }
        Ok(Self { ours, ours_with_brokers, folder, others })
    }

    /// The peers of a benchmark that can't be run.
    pub(super) fn missing(&self, benchmark: &Benchmark) -> Vec<&'static str> {
        let peers = benchmark.cases.iter().flat_map(|case| case.peers.iter().map(move |peer| (case, peer)));
        let missing = peers.filter(|(case, peer)| self.find(peer.program, case).is_none());
        missing.map(|(_, peer)| peer.name).collect::<BTreeSet<_>>().into_iter().collect()
    }

    fn find(&self, program: Program, case: &Case) -> Option<&Path> {
        match program {
            Program::Ours => Some(self.ours(case)),
            other => self.others[&other].as_deref().ok(),
        }
    }

    fn ours(&self, case: &Case) -> &Path {
        if case.broker.is_some() { &self.ours_with_brokers } else { &self.ours }
    }

    /// Runs every case as often as there are turns: all cases, and then all of them again. So what is compared lies close
    /// together, and what repeats far apart.
    pub(super) fn take_turns(
        &self,
        benchmark: &Benchmark,
        turns: usize,
        machine: &mut Machine,
        brokers: &Brokers,
    ) -> Result<Vec<Vec<Turn>>> {
        if let Some(rounds) = benchmark.counted {
            return benchmark.cases.iter().map(|case| Ok(vec![self.count(case, rounds)?])).collect();
        }
        let mut runs: Vec<Vec<Turn>> = benchmark.cases.iter().map(|_| Vec::new()).collect();
        for _ in 0..turns {
            for (case, runs) in benchmark.cases.iter().zip(&mut runs) {
                runs.push(self.turn(case, machine, brokers)?);
            }
        }
        Ok(runs)
    }

    fn count(&self, case: &Case, rounds: usize) -> Result<Turn> {
        let instructions = callgrind::count(&self.ours, &case.our_options(), rounds)?;
        let run = Run { output: Output::of_figure("instructions", instructions), spin: 0.0 };
        Ok(Turn { ours: run, peers: Vec::new() })
    }

    fn turn(&self, case: &Case, machine: &mut Machine, brokers: &Brokers) -> Result<Turn> {
        let mut run = |program, options: &[String]| self.run(program, options, machine, brokers);
        let ours = run(self.ours(case), &case.our_options())?;
        let peers = case.peers.iter().map(|peer| match self.find(peer.program, case) {
            Some(program) => run(program, &peer.options).map(Some).or_else(|error| left_out(peer, error)),
            None => Ok(None),
        });
        Ok(Turn { ours, peers: peers.collect::<Result<_>>()? })
    }

    /// Runs a program to its end, which it finds itself when the limit is over.
    fn run(
        &self,
        program: &Path,
        options: &[String],
        machine: &mut Machine,
        brokers: &Brokers,
    ) -> Result<Run> {
        let spin = machine.spin();
        let call = || format!("{} {}", program.display(), options.join(" "));
        let mut command = Command::new(program);
        command
            .args(["--limit", LIMIT])
            .args(options)
            .envs(brokers.variables())
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
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
}

/// What a peer fails at is a finding, and no reason to end.
fn left_out(peer: &Peer, error: anyhow::Error) -> Result<Option<Run>> {
    if interrupt::was_asked() {
        return Err(error);
    }
    eprintln!("{} has no figure in this turn: {error:#}", peer.name);
    Ok(None)
}

fn target_folder() -> Result<PathBuf> {
    let metadata = cargo_metadata::MetadataCommand::new().no_deps().exec()?;
    Ok(metadata.target_directory.into())
}
