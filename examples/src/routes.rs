//! The route-optimisation service of the program `routes`: requests become masters, which grow into spare slots.
//!
//! A run has servers, a client, or both. A request names the address of its client, and its master sends news to it
//! until the client has the result. Everything goes through a broker, in one process or over several.

mod assistant;
mod board;
mod client;
mod climb;
mod compare;
mod crew;
mod job;
mod master;
mod news;
mod options;
mod pace;
mod progress;
mod report;
mod run;
mod servers;
mod site;
mod slot_report;
mod timeline;

pub use board::{Board, Row};
pub use job::{ASSIST, Job, SOLVE, handler};
pub use options::{Options, Role};
pub use timeline::{SlotTime, Timeline};

use std::io::IsTerminal;
use std::process::ExitCode;

use report::Report;

use crate::observed::Observed;
use crate::output::print;

/// The program: runs what the options ask for, and prints the results on standard output.
///
/// # Errors
///
/// If an instance can't be read, a server fails, or a picture can't be written.
pub async fn main(options: &Options) -> anyhow::Result<ExitCode> {
    let sources = options.sources()?;
    let show = !options.json && std::io::stderr().is_terminal();
    if options.compare {
        let comparison = compare::compare(options, &sources, show).await?;
        print(options.json, &comparison, &comparison.text())?;
        return Ok(code(comparison.interrupted, false));
    }
    let observed = options.http.map(Observed::start).transpose()?;
    let outcome =
        run::run(options, &sources, options.seed, !options.no_expansion, observed.as_ref(), show).await?;
    let mut report = Report::new(&outcome);
    report.draw(&outcome, &options.out)?;
    print(options.json, &report, &report.text())?;
    // A signal is how servers are meant to end.
    let interrupted = report.interrupted && options.role != Role::Server;
    Ok(code(interrupted, !report.failures.is_empty()))
}

/// 130 is what shells use for a program that Ctrl-C ended.
fn code(interrupted: bool, failed: bool) -> ExitCode {
    match (interrupted, failed) {
        (true, _) => ExitCode::from(130),
        (false, true) => ExitCode::FAILURE,
        (false, false) => ExitCode::SUCCESS,
    }
}

#[cfg(test)]
mod tests;
