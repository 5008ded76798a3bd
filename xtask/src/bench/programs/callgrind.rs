//! Counting instructions with Valgrind's callgrind: the same on a busy machine as on a quiet one.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::LIMIT;
use crate::interrupt;

/// What has to be installed.
pub(in crate::bench) const VALGRIND: &str = "valgrind";

/// How many instructions a program takes for each of so many rounds. What it takes before and after them is left out: it
/// runs with as many rounds and with twice as many, and the difference counts.
pub(super) fn count(program: &Path, options: &[String], rounds: usize) -> Result<f64> {
    let once = run(program, options, rounds)?;
    let twice = run(program, options, 2 * rounds)?;
    #[expect(clippy::cast_precision_loss, reason = "counts of at most millions")]
    Ok(twice.saturating_sub(once) as f64 / rounds as f64)
}

fn run(program: &Path, options: &[String], rounds: usize) -> Result<u64> {
    let file = program.with_file_name("occamy-bench.callgrind");
    let mut command = Command::new(VALGRIND);
    command.args(["--quiet", "--tool=callgrind"]).arg(format!("--callgrind-out-file={}", file.display()));
    command.arg(program).args(["--limit", LIMIT]).args(options).args(["--rounds", &rounds.to_string()]);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let status = interrupt::follow(&mut command, |_| ())?;
    ensure!(
        status.success(),
        "{} {} failed below {VALGRIND}: {status}",
        program.display(),
        options.join(" ")
    );
    let profile = std::fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
    total(&profile).with_context(|| format!("{} has no total", file.display()))
}

/// The line is the last but one of callgrind's format, as its manual describes it.
fn total(profile: &str) -> Option<u64> {
    profile.lines().find_map(|line| line.strip_prefix("totals: "))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_read_off_a_profile() {
        let profile = "version: 1\nevents: Ir\nsummary: 41\n\nfn=(1) main\n16 41\n\ntotals: 42\n";
        assert_eq!(total(profile), Some(42));
        assert_eq!(total("version: 1\n"), None);
    }
}
