//! The figures as tables, which are Markdown too, and as JSON.

use std::fmt::Write;

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use super::catalogue::Name;
use super::compare::{Compared, Row, Spread};
use super::machine::Machine;

/// All that was measured in one call.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    machine: Machine,
    turns: u16,
    quick: bool,
    /// Why there is no Go library to compare with, if there is none.
    missing_peer: Option<String>,
    pub(super) benchmarks: Vec<Entry>,
}

#[derive(Debug, Serialize)]
pub(super) struct Entry {
    pub(super) name: Name,
    #[serde(flatten)]
    compared: Compared,
}

impl Report {
    pub(super) fn new(
        machine: &Machine,
        turns: u16,
        quick: bool,
        missing_peer: Option<&str>,
        compared: Vec<(Name, Compared)>,
    ) -> Self {
        Self {
            machine: machine.clone(),
            turns,
            quick,
            missing_peer: missing_peer.map(str::to_owned),
            benchmarks: compared.into_iter().map(|(name, compared)| Entry { name, compared }).collect(),
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
        let Machine { cores, load_before, .. } = self.machine;
        let quick = if self.quick { " --quick" } else { "" };
        let mut text = format!(
            "`cargo xtask bench {}{quick} --turns {}`: {} each, on {cores} cores with a load of {load_before:.1} before.",
            entry.name.as_str(),
            self.turns,
            if self.turns == 1 { "1 turn".to_owned() } else { format!("{} turns", self.turns) },
        );
        let rows = &entry.compared.rows;
        let noisy = rows.iter().filter(|row| row.noisy).count();
        if noisy > 0 {
            write!(text, " The machine was too noisy for {noisy} of {} rows.", rows.len())
                .expect("a String takes everything");
        }
        if self.missing_peer.is_some() {
            text.push_str(" Without the Go library, and so without ratios to it.");
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
        "Go library",
        "ratio (middle half)",
        "target",
        "",
    ]);
    for column in table.column_iter_mut().skip(2).take(3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for row in &compared.rows {
        table.add_row([
            row.case.clone(),
            row.measure.to_owned(),
            figure(row, Some(row.ours), row.our_refused),
            figure(row, row.peer, row.peer_refused),
            row.ratio.map_or_else(dash, ratio),
            row.aims.iter().map(|aim| aim.target.clone()).collect::<Vec<_>>().join("; "),
            verdict(row),
        ]);
    }
    table
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

fn verdict(row: &Row) -> String {
    let mut words: Vec<&str> = row
        .aims
        .iter()
        .map(|aim| match aim.met {
            Some(true) => "met",
            Some(false) => "not met",
            None => "not judged",
        })
        .collect();
    if row.noisy {
        words.push("noisy");
    }
    words.join("; ")
}

fn dash() -> String {
    "–".to_owned()
}
