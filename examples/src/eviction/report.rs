//! What was measured, for people and for programs.

use std::iter;
use std::time::Duration;

use comfy_table::Table;
use occamy_runtime::IdlePriority;
use serde::Serialize;

use super::Options;
use super::measure::{Measured, cores};
use super::situation::Situation;
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
    /// How many servers there were in each situation.
    rounds: u16,
    pub(super) situations: Vec<Row>,
}

/// What was measured in one situation, all rounds together.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    pub(super) holders: &'static str,
    pub(super) overlap: usize,
    /// What came of lowering the priority of victims: `untried` where none had to be.
    priority: &'static str,
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
    /// Victims that still wound down at the end of the measurement, on all servers.
    pub(super) left: usize,
    /// Victims that did not end within the kill timeout, on all servers.
    pub(super) wedged: usize,
    /// Slots that were lost with them, on all servers.
    pub(super) slots_lost: usize,
    /// Where victims may stay beside the slots: the starts of the first request of every server, of the second, and so on.
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
            rounds: options.rounds,
            situations: measured.iter().map(|row| Row::new(&row.situation, &row.turns, empty)).collect(),
        }
    }

    /// The report as tables.
    pub(super) fn text(&self) -> String {
        format!(
            "{} slots on {} cores, held by assistants. Those that rarely look at their stop do so every {} ms of\n\
             computing; the kill timeout of those that never look is {} ms.\n\n\
             From the call of handle_request to the first statement of the task\n{}\n\n\
             The same by what number the request was on its server: median (maximum)\n{}\n\n\
             What became of requests and victims, on {} servers each\n{}\n",
            self.slots,
            self.cores,
            self.check_ms,
            self.kill_timeout_ms,
            self.starts(),
            self.in_a_row(),
            self.rounds,
            self.endings(),
        )
    }

    fn starts(&self) -> Table {
        let mut table = table([
            "assistants",
            "overlap",
            "victims' priority",
            "started",
            "median",
            "p90",
            "max",
            "to empty",
        ]);
        for row in &self.situations {
            let figure = |of: fn(Spread) -> Duration| or_dash(row.start, |start| time(of(start)));
            let [holders, overlap, priority] = row.name();
            table.add_row([
                holders,
                overlap,
                priority,
                row.start.map_or(0, |start| start.samples).to_string(),
                figure(|start| start.median),
                figure(|start| start.p90),
                figure(|start| start.max),
                or_dash(row.times_empty, |times| format!("× {times:.1}")),
            ]);
        }
        table
    }

    /// A column for each situation in which victims may stay beside the slots.
    fn in_a_row(&self) -> Table {
        let rows = || self.situations.iter().filter(|row| !row.start_by_turn.is_empty());
        let mut table = table(["request"]);
        let names = rows().map(|row| format!("{}, {} ({})", row.holders, row.overlap, row.priority));
        table.set_header(iter::once("request".to_owned()).chain(names));
        for turn in 0..rows().map(|row| row.start_by_turn.len()).max().unwrap_or(0) {
            let cells = rows().map(|row| {
                let start = row.start_by_turn.get(turn).copied().flatten();
                or_dash(start, |start| format!("{} ({})", time(start.median), time(start.max)))
            });
            table.add_row(iter::once((turn + 1).to_string()).chain(cells));
        }
        table
    }

    fn endings(&self) -> Table {
        let mut table = table([
            "assistants",
            "overlap",
            "victims' priority",
            "requests",
            "refused",
            "after",
            "victims ended",
            "median",
            "max",
            "not yet",
            "wedged",
            "slots lost",
        ]);
        for row in &self.situations {
            let [holders, overlap, priority] = row.name();
            table.add_row([
                holders,
                overlap,
                priority,
                row.requests.to_string(),
                row.refused.to_string(),
                or_dash(row.refusal, |refusal| time(refusal.median)),
                row.stop.map_or(0, |stop| stop.samples).to_string(),
                or_dash(row.stop, |stop| time(stop.median)),
                or_dash(row.stop, |stop| time(stop.max)),
                row.left.to_string(),
                row.wedged.to_string(),
                row.slots_lost.to_string(),
            ]);
        }
        table
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
        let in_a_row = if situation.overlap > 0 { situation.requests } else { 0 };
        let priority = turns.last().map_or(IdlePriority::Untried, |turn| turn.priority);
        Self {
            holders: situation.holders,
            overlap: situation.overlap,
            priority: priority.as_str(),
            requests: samples().count(),
            refused: refusal.map_or(0, |refusal| refusal.samples),
            start,
            times_empty: start.zip(empty.filter(|empty| !empty.is_zero())).map(ratio),
            refusal,
            stop: Spread::of(turns.iter().flat_map(|turn| turn.stops.iter().copied())),
            left: turns.iter().map(|turn| turn.left).sum(),
            wedged: turns.iter().map(|turn| turn.wedged).sum(),
            slots_lost: turns.iter().map(|turn| turn.slots_lost).sum(),
            start_by_turn: (0..in_a_row)
                .map(|turn| Spread::of(turns.iter().filter_map(|server| started(server.samples.get(turn)?))))
                .collect(),
        }
    }

    /// The cells that say which row it is.
    fn name(&self) -> [String; 3] {
        let priority = Some(self.priority).filter(|priority| *priority != IdlePriority::Untried.as_str());
        [self.holders.to_owned(), self.overlap.to_string(), or_dash(priority, str::to_owned)]
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

fn time(time: Duration) -> String {
    format!("{time:.1?}")
}
