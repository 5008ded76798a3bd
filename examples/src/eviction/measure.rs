//! The rounds: every situation has its turn, and then again, so that what disturbs the machine disturbs all alike.

use std::thread;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::Options;
use super::burner::Stretch;
use super::situation::Situation;
use super::stage::{Stage, Turn};

/// What was measured in one situation, round by round.
#[derive(Clone, Debug)]
pub(super) struct Measured {
    pub(super) situation: Situation,
    pub(super) turns: Vec<Turn>,
}

/// Measures every situation.
pub(super) async fn measure(options: &Options) -> anyhow::Result<Vec<Measured>> {
    let stretch = Stretch::lasting(options.check);
    let longest_pause = between_looks(options, cores());
    let mut measured: Vec<Measured> = Situation::all(options)
        .into_iter()
        .map(|situation| Measured { situation, turns: Vec::new() })
        .collect();
    let progress = progress(usize::from(options.rounds) * measured.len());
    for _ in 0..options.rounds {
        for Measured { situation, turns } in &mut measured {
            let mut stage = Stage::open(situation, options.slots.into(), stretch).await?;
            for _ in 0..situation.requests {
                // A request may come at any moment of what an assistant does between two looks.
                stage.request_after(longest_pause.mul_f64(fastrand::f64())).await?;
            }
            turns.push(stage.close(2 * longest_pause).await?);
            progress.inc(1);
        }
    }
    progress.finish_and_clear();
    Ok(measured)
}

/// How many cores this process may use. One if there is no telling.
pub(super) fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// The time between two looks when every slot's assistant has its share of the cores.
fn between_looks(options: &Options, cores: usize) -> Duration {
    let cores = u32::try_from(cores).unwrap_or(u32::MAX);
    (options.check * u32::from(options.slots) / cores).max(options.check)
}

/// On standard error; nothing if that is no terminal.
fn progress(turns: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos} of {len} turns, {eta} left");
    ProgressBar::new(turns as u64).with_style(style.expect("the template is well-formed"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[test]
    fn assistants_that_share_cores_look_less_often() {
        let options = |slots| Options::parse_from(["eviction", "--check", "20", "--slots", slots]);
        assert_eq!(between_looks(&options("8"), 2), Duration::from_millis(80));
        assert_eq!(between_looks(&options("8"), 16), Duration::from_millis(20));
    }
}
