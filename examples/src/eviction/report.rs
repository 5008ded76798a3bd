//! What was measured, for people and for programs.

use std::time::Duration;

use serde::Serialize;

use super::Options;
use super::measure::{Measured, cores};
use super::situation::{Habit, Situation};
use super::spread::Spread;
use super::stage::{Sample, Turn};
use crate::output::{or_dash, table};

/// The figures of a run. They count only beside each other: another run is another machine.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    pub(super) cores: usize,
    slots: u16,
    check_ms: f64,
    kill_timeout_ms: f64,
    pub(super) situations: Vec<Row>,
}

/// What was measured in one situation, all rounds together.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    pub(super) holders: &'static str,
    pub(super) overlap: usize,
    /// How many servers there were, one a round.
    pub(super) servers: usize,
    pub(super) requests: usize,
    pub(super) refused: usize,
    /// From the call of `handle_request` to the task's start, of those that were started.
    pub(super) start: Option<Spread>,
    /// The median start in relation to that of the empty server.
    pub(super) times_empty: Option<f64>,
    /// From the call to the refusal, of those that were refused.
    pub(super) refusal: Option<Spread>,
    /// From stop to end of the victims that ended by themselves.
    pub(super) stop: Option<Spread>,
    /// Victims that did not, on all servers.
    pub(super) wedged: usize,
    /// Slots that were lost with them, on all servers.
    pub(super) slots_lost: usize,
    /// Where victims stay beside the slots: the starts of the first request of every server, of the second, and so on.
    pub(super) start_by_turn: Vec<Option<Spread>>,
}

impl Report {
    pub(super) fn new(options: &Options, measured: &[Measured]) -> Self {
        let empty = measured.iter().find(|measured| measured.situation.habit.is_none());
        let empty = empty.and_then(|empty| starts(&empty.turns)).map(|start| start.median);
        Self {
            cores: cores(),
            slots: options.slots,
            check_ms: options.check.as_secs_f64() * 1000.0,
            kill_timeout_ms: options.kill_timeout.as_secs_f64() * 1000.0,
            situations: measured.iter().map(|row| Row::new(&row.situation, &row.turns, empty)).collect(),
        }
    }

    /// The report as tables.
    pub(super) fn text(&self) -> String {
        format!(
            "{} slots on {} cores. Assistants that rarely look at their stop do so every {} ms of computing;\n\
             where they never look the kill timeout is {} ms.\n\n\
             From the call of handle_request to the first statement of the task\n{}\n\
             What became of requests and victims (wedged and lost: mean of a server)\n{}\n{}",
            self.slots,
            self.cores,
            self.check_ms,
            self.kill_timeout_ms,
            self.starts(),
            self.endings(),
            self.in_a_row(),
        )
    }

    fn starts(&self) -> String {
        let mut table = table([
            "slots held by assistants that",
            "overlap",
            "started",
            "median",
            "p90",
            "max",
            "to empty",
        ]);
        for row in &self.situations {
            let [median, p90, max] = figures(row.start);
            table.add_row([
                row.holders.to_owned(),
                row.overlap.to_string(),
                row.start.map_or(0, |start| start.samples).to_string(),
                median,
                p90,
                max,
                or_dash(row.times_empty, |times| format!("× {times:.1}")),
            ]);
        }
        table.to_string()
    }

    fn endings(&self) -> String {
        let mut table = table([
            "slots held by assistants that",
            "overlap",
            "requests",
            "refused",
            "refused after",
            "stops",
            "median",
            "max",
            "wedged",
            "slots lost",
        ]);
        for row in &self.situations {
            let [stop_median, _, stop_max] = figures(row.stop);
            table.add_row([
                row.holders.to_owned(),
                row.overlap.to_string(),
                row.requests.to_string(),
                row.refused.to_string(),
                or_dash(row.refusal, |refusal| format!("{:.1?}", refusal.median)),
                row.stop.map_or(0, |stop| stop.samples).to_string(),
                stop_median,
                stop_max,
                mean(row.wedged, row.servers),
                mean(row.slots_lost, row.servers),
            ]);
        }
        table.to_string()
    }

    fn in_a_row(&self) -> String {
        let mut text = String::new();
        for row in self.situations.iter().filter(|row| row.start_by_turn.len() > 1) {
            let mut table = table(["request on the same server", "started", "median", "max"]);
            for (number, start) in (1..).zip(&row.start_by_turn) {
                let [median, _, max] = figures(*start);
                let started = start.map_or(0, |start| start.samples).to_string();
                table.add_row([number.to_string(), started, median, max]);
            }
            text.push_str(&format!(
                "Assistants that {}, overlap {}: requests in a row, each with one leftover more beside it\n{table}\n",
                row.holders, row.overlap
            ));
        }
        text
    }
}

impl Row {
    fn new(situation: &Situation, turns: &[Turn], empty: Option<Duration>) -> Self {
        let samples = || turns.iter().flat_map(|turn| &turn.samples);
        let refusal = Spread::of(samples().filter_map(|sample| match sample {
            Sample::Refused(after) => Some(*after),
            Sample::Started(_) => None,
        }));
        let start = starts(turns);
        let ratio = |(start, empty): (Spread, Duration)| start.median.as_secs_f64() / empty.as_secs_f64();
        let in_a_row = if situation.habit == Some(Habit::NeverLooks) { situation.requests } else { 0 };
        Self {
            holders: situation.holders,
            overlap: situation.overlap,
            servers: turns.len(),
            requests: samples().count(),
            refused: refusal.map_or(0, |refusal| refusal.samples),
            start,
            times_empty: start.zip(empty.filter(|empty| !empty.is_zero())).map(ratio),
            refusal,
            stop: Spread::of(turns.iter().flat_map(|turn| turn.stops.iter().copied())),
            wedged: turns.iter().map(|turn| turn.wedged).sum(),
            slots_lost: turns.iter().map(|turn| turn.slots_lost).sum(),
            start_by_turn: (0..in_a_row)
                .map(|turn| Spread::of(turns.iter().filter_map(|server| started(server.samples.get(turn)?))))
                .collect(),
        }
    }
}

fn starts(turns: &[Turn]) -> Option<Spread> {
    Spread::of(turns.iter().flat_map(|turn| &turn.samples).filter_map(started))
}

fn started(sample: &Sample) -> Option<Duration> {
    match sample {
        Sample::Started(latency) => Some(*latency),
        Sample::Refused(_) => None,
    }
}

/// Median, p90 and maximum.
fn figures(spread: Option<Spread>) -> [String; 3] {
    let figure = |of: fn(Spread) -> Duration| or_dash(spread, |spread| format!("{:.1?}", of(spread)));
    [figure(|spread| spread.median), figure(|spread| spread.p90), figure(|spread| spread.max)]
}

#[expect(clippy::cast_precision_loss, reason = "there are few")]
fn mean(sum: usize, of: usize) -> String {
    format!("{:.1}", sum as f64 / of.max(1) as f64)
}
