//! What a run came to, for people and for programs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use comfy_table::Table;
use serde::Serialize;

use super::Timeline;
use super::run::Outcome;
use super::slot_report::SlotReport;
use crate::output::{or_dash, table};
use crate::picture::{slots_svg, tour_svg};

/// The figures of a run.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    pub(super) requests: Vec<RequestReport>,
    /// `None` where there are no servers.
    #[serde(flatten)]
    pub(super) slots: Option<SlotReport>,
    /// Why requests have no result.
    pub(super) failures: Vec<String>,
    pub(super) interrupted: bool,
    pub(super) pictures: Vec<PathBuf>,
}

/// One request.
#[derive(Clone, Debug, Serialize)]
pub(super) struct RequestReport {
    pub(super) request: String,
    pub(super) instance: String,
    pub(super) cities: usize,
    pub(super) optimum: Option<i64>,
    pub(super) best: Option<i64>,
    pub(super) gap_percent: Option<f64>,
    pub(super) start_latency_ms: Option<f64>,
    /// Those on servers of this process; `None` where there are none.
    pub(super) assistants: Option<usize>,
    pub(super) finished: bool,
}

impl Report {
    pub(super) fn new(outcome: &Outcome) -> Self {
        let timelines = &outcome.timelines;
        let slots = (!timelines.is_empty()).then(|| SlotReport::new(timelines));
        let assistants = |request: &str| timelines.iter().map(|timeline| timeline.assistants(request)).sum();
        let requests = outcome.rows.iter().map(|row| RequestReport {
            request: row.job.request.to_string(),
            instance: row.job.instance.name().to_owned(),
            cities: row.job.instance.dimension(),
            optimum: row.optimum,
            best: row.best.as_ref().map(|(length, _)| *length),
            gap_percent: row.gap(),
            start_latency_ms: row.start_latency.map(|latency| latency.as_secs_f64() * 1000.0),
            assistants: slots.is_some().then(|| assistants(&row.job.request)),
            finished: row.finished,
        });
        Self {
            requests: requests.collect(),
            slots,
            failures: outcome.failures.clone(),
            interrupted: outcome.interrupted,
            pictures: Vec::new(),
        }
    }

    /// Draws the best tour of each instance and what the slots did, and notes where.
    pub(super) fn draw(&mut self, outcome: &Outcome, folder: &Path) -> anyhow::Result<()> {
        fs::create_dir_all(folder).with_context(|| format!("can't make the folder {}", folder.display()))?;
        let mut best: Vec<_> =
            outcome.rows.iter().filter_map(|row| Some((row, row.best.as_ref()?))).collect();
        best.sort_by_key(|(row, (length, _))| (row.job.instance.name(), *length));
        best.dedup_by_key(|(row, _)| row.job.instance.name());
        for (row, (_, tour)) in best {
            // An instance without coordinates has no picture.
            if let Some(svg) = tour_svg(&row.job.instance, tour, row.optimum)? {
                let name = format!("tour-{}", file_name(row.job.instance.name()));
                self.save(folder, &outcome.site.own(&name), &svg)?;
            }
        }
        let lanes: Vec<_> = outcome.timelines.iter().flat_map(Timeline::lanes).collect();
        if lanes.is_empty() {
            return Ok(());
        }
        self.save(folder, &outcome.site.own("slots"), &slots_svg("What the slots did", &lanes)?)
    }

    fn save(&mut self, folder: &Path, name: &str, svg: &str) -> anyhow::Result<()> {
        let path = folder.join(format!("{name}.svg"));
        fs::write(&path, svg).with_context(|| format!("can't write {}", path.display()))?;
        self.pictures.push(path);
        Ok(())
    }

    /// The report as tables and lines of text.
    pub(super) fn text(&self) -> String {
        let table = match &self.slots {
            Some(slots) if self.requests.is_empty() => slots.table(),
            _ => self.table(),
        };
        let mut text = format!("{table}\n");
        if let Some(slots) = &self.slots {
            text.push_str(&slots.sums());
        }
        for failure in &self.failures {
            text.push_str(&format!("failed: {failure}\n"));
        }
        for picture in &self.pictures {
            text.push_str(&format!("{}\n", picture.display()));
        }
        text
    }

    /// A row for each request.
    fn table(&self) -> Table {
        let mut table =
            table(["request", "cities", "optimum", "best", "gap", "start latency", "assistants", ""]);
        for request in &self.requests {
            table.add_row([
                request.request.clone(),
                request.cities.to_string(),
                or_dash(request.optimum, |optimum| optimum.to_string()),
                or_dash(request.best, |best| best.to_string()),
                percent(request.gap_percent),
                or_dash(request.start_latency_ms, |latency| format!("{latency:.2} ms")),
                or_dash(request.assistants, |assistants| assistants.to_string()),
                if request.finished { "done" } else { "not done" }.to_owned(),
            ]);
        }
        table
    }

    /// The mean gap over all requests whose optimum is known, in per cent.
    pub(super) fn mean_gap(&self, instance: Option<&str>) -> Option<f64> {
        let gaps: Vec<f64> = self
            .requests
            .iter()
            .filter(|request| instance.is_none_or(|instance| request.instance == instance))
            .filter_map(|request| request.gap_percent)
            .collect();
        mean(&gaps)
    }
}

pub(super) fn percent(value: Option<f64>) -> String {
    or_dash(value, |value| format!("{value:.2} %"))
}

/// The mean; `None` of nothing.
#[expect(clippy::cast_precision_loss, reason = "there are few numbers")]
pub(super) fn mean(numbers: &[f64]) -> Option<f64> {
    if numbers.is_empty() { None } else { Some(numbers.iter().sum::<f64>() / numbers.len() as f64) }
}

/// A name that is safe in a path, whatever the file of the instance calls it.
fn file_name(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).take(64).collect()
}
