//! The figures as tables, which are Markdown too, and as JSON.

use std::fmt::Write;

use comfy_table::{CellAlignment, ColumnConstraint, Table, presets};
use serde::Serialize;

use super::catalogue::Name;
use super::compare::{Aim, Beside, Compared, Row, Spread};
use super::machine::Machine;

/// All that was measured in one call.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    machine: Machine,
    turns: u16,
    quick: bool,
    pub(super) benchmarks: Vec<Entry>,
}

#[derive(Debug, Serialize)]
pub(super) struct Entry {
    pub(super) name: Name,
    /// The peers that couldn't be run.
    missing: Vec<&'static str>,
    #[serde(flatten)]
    compared: Compared,
}

impl Report {
    pub(super) fn new(
        machine: &Machine,
        turns: u16,
        quick: bool,
        compared: Vec<(Name, Vec<&'static str>, Compared)>,
    ) -> Self {
        Self {
            machine: machine.clone(),
            turns,
            quick,
            benchmarks: compared
                .into_iter()
                .map(|(name, missing, compared)| Entry { name, missing, compared })
                .collect(),
        }
    }

    /// Everything, for the terminal.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for entry in &self.benchmarks {
            let Compared { number, title, .. } = &entry.compared;
            write!(text, "\n{number}, {title}\n\n{}", self.figures(entry))
                .expect("a String takes everything");
        }
        text
    }

    /// One benchmark's table, and what it was measured under.
    pub(super) fn figures(&self, entry: &Entry) -> String {
        format!("{}\n\n{}\n", table(&entry.compared), self.conditions(entry))
    }

    fn conditions(&self, entry: &Entry) -> String {
        let command = format!("cargo xtask bench {}", entry.name.as_str());
        if entry.compared.counted {
            return format!("`{command}`");
        }
        let Machine { cores, load_before, .. } = self.machine;
        let quick = if self.quick { " --quick" } else { "" };
        let mut text = format!(
            "`{command}{quick} --turns {}`: {} each, on {cores} cores with a load of {load_before:.1} before.",
            self.turns,
            if self.turns == 1 { "1 turn".to_owned() } else { format!("{} turns", self.turns) },
        );
        let lines: Vec<_> = entry.compared.rows.iter().flat_map(lines).collect();
        let noisy = lines.iter().filter(|line| line.noisy).count();
        if noisy > 0 {
            write!(text, " The machine was too noisy for {noisy} of {} rows.", lines.len())
                .expect("a String takes everything");
        }
        if !entry.missing.is_empty() {
            write!(text, " Could not be run: {}.", entry.missing.join(", "))
                .expect("a String takes everything");
        }
        text
    }
}

fn table(compared: &Compared) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header([
        "case",
        "measure",
        "Occamy",
        "peer",
        "the peer's",
        "ratio (middle half)",
        "target",
        "",
    ]);
    for column in [2, 4, 5] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    if compared.counted {
        for column in table.column_iter_mut().skip(3) {
            column.set_constraint(ColumnConstraint::Hidden);
        }
    }
    for line in compared.rows.iter().flat_map(lines) {
        let Line { row, first, beside, aims, .. } = &line;
        let own = |text: String| if *first { text } else { String::new() };
        table.add_row([
            own(row.case.clone()),
            own(row.measure.to_owned()),
            own(figure(row, Some(row.ours), row.refused)),
            beside.map_or_else(dash, |it| it.peer.to_owned()),
            beside.map_or_else(dash, |it| figure(row, it.theirs, it.refused)),
            beside.and_then(|it| it.ratio).map_or_else(dash, ratio),
            aims.iter().map(|aim| aim.target.clone()).collect::<Vec<_>>().join("; "),
            verdict(aims, line.noisy),
        ]);
    }
    table
}

/// One line of the table: a row has one for each peer, or one if there is none.
struct Line<'a> {
    row: &'a Row,
    first: bool,
    beside: Option<&'a Beside>,
    aims: Vec<&'a Aim>,
    noisy: bool,
}

fn lines<'a>(row: &'a Row) -> Vec<Line<'a>> {
    let peers: Vec<_> = if row.peers.is_empty() { vec![None] } else { row.peers.iter().map(Some).collect() };
    let line = |(at, beside): (usize, Option<&'a Beside>)| {
        let first = at == 0;
        let own: &[Aim] = if first { &row.aims } else { &[] };
        let theirs = beside.map_or(&[][..], |it| &it.aims);
        // What is noisy of ours is steady in the ratio, or not.
        let noisy = beside.filter(|it| it.ratio.is_some()).map_or(first && row.noisy, |it| it.noisy);
        Line { row, first, beside, aims: theirs.iter().chain(own).collect(), noisy }
    };
    peers.into_iter().enumerate().map(line).collect()
}

fn figure(row: &Row, spread: Option<Spread>, refused: usize) -> String {
    let value = spread.map_or_else(dash, |spread| row.unit.show(spread.median));
    if refused > 0 { format!("{value}, {refused} refused") } else { value }
}

fn ratio(spread: Spread) -> String {
    let Spread { low, median, high } = spread;
    let decimals = if median < 0.1 { 4 } else { 2 };
    format!("{median:.decimals$} ({low:.decimals$} to {high:.decimals$})")
}

fn verdict(aims: &[&Aim], noisy: bool) -> String {
    let mut words: Vec<&str> = aims
        .iter()
        .map(|aim| match aim.met {
            Some(true) => "met",
            Some(false) => "not met",
            None => "not judged",
        })
        .collect();
    if noisy {
        words.push("noisy");
    }
    words.join("; ")
}

fn dash() -> String {
    "–".to_owned()
}
