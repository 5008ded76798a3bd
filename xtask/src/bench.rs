//! `cargo xtask bench`: how fast we are beside peers that do the same in the same call.
//!
//! [`catalogue`] says what is measured, one file a benchmark. The programs that measure are `occamy-bench` and, below
//! `xtask/bench`, the drivers of peers: they take the same options and print the same JSON.

mod brokers;
mod catalogue;
mod compare;
mod machine;
mod page;
mod programs;
mod report;
mod spec;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::ValueEnum;
use xshell::Shell;

use crate::interrupt;
use brokers::Brokers;
use catalogue::Name;
use compare::Compared;
use machine::Machine;
use programs::{Programs, callgrind};
use report::Report;
use spec::{Effort, Program};

/// Measure, beside peers that do the same in the same call.
///
/// Ours and the peers run in turn, each time in a process of its own. Ratios are of neighbours in time, so that what
/// disturbs the machine disturbs both. Exits with 0 whatever the figures are: bench/README.md explains them.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// These benchmarks only
    #[arg(value_name = "NAME")]
    names: Vec<Name>,
    /// Fewer requests and turns: to see that everything works, not for figures
    #[arg(long)]
    quick: bool,
    /// How many turns ours and each peer have [default: 5, or 2 with --quick]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=100))]
    turns: Option<u16>,
    /// Leave these peers out
    #[arg(long, value_name = "PEER")]
    without: Vec<Program>,
    /// Write all that was measured to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Put the figures into bench/README.md
    #[arg(long)]
    page: bool,
}

/// Runs the command.
pub(crate) fn run(sh: &Shell, args: &Args) -> Result<()> {
    let _watch = interrupt::watch()?;
    let names = if args.names.is_empty() { Name::value_variants() } else { &args.names };
    let effort = if args.quick { Effort::Quick } else { Effort::Full };
    let turns = args.turns.unwrap_or(if args.quick { 2 } else { 5 });

    let mut benchmarks: Vec<_> = names.iter().map(|&name| (name, name.benchmark(effort))).collect();
    if which::which(callgrind::VALGRIND).is_err() {
        benchmarks.retain(|(_, benchmark)| {
            let counted = benchmark.counted.is_some();
            if counted {
                eprintln!("{} are left out: {} is not installed", benchmark.title, callgrind::VALGRIND);
            }
            !counted
        });
    }
    let programs = Programs::build(sh, benchmarks.iter().map(|(_, it)| it), &args.without)?;
    let mut machine = Machine::look()?;
    let mut measured = Vec::new();
    for (name, mut benchmark) in benchmarks {
        eprintln!("{}: {} …", benchmark.number, benchmark.title);
        let mut missing = programs.missing(&benchmark);
        let (brokers, left_out) = Brokers::up(&mut benchmark);
        missing.extend(left_out);
        let runs = programs.take_turns(&benchmark, turns.into(), &mut machine, &brokers)?;
        measured.push((name, missing, benchmark, runs));
    }

    // Only now it is known how quick the machine can be.
    let compared = measured
        .into_iter()
        .map(|(name, missing, benchmark, runs)| {
            Ok((name, missing, Compared::new(&benchmark, &runs, &machine)?))
        })
        .collect::<Result<Vec<_>>>()?;
    let report = Report::new(&machine, turns, args.quick, compared);
    print!("{}", report.text());
    if let Some(file) = &args.json {
        sh.write_file(file, serde_json::to_string_pretty(&report)?)
            .with_context(|| format!("write {}", file.display()))?;
    }
    if args.page {
        page::refresh(sh, &report)?;
    }
    Ok(())
}
