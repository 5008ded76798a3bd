//! Live progress on a terminal: a line for each server and each request.

use std::collections::BTreeMap;
use std::sync::Mutex;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use occamy_core::SlotUsage;

use super::{Board, Row, Timeline};

/// Lines that are drawn over, on standard error; nothing if that is no terminal.
pub(super) struct Progress {
    lines: MultiProgress,
    bars: Mutex<BTreeMap<String, ProgressBar>>,
}

impl Progress {
    pub(super) fn new(show: bool) -> Self {
        let target = if show { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self { lines: MultiProgress::with_draw_target(target), bars: Mutex::default() }
    }

    pub(super) fn show(&self, board: &Board, timelines: &[Timeline]) {
        for timeline in timelines {
            self.line(timeline.server(), slots(&timeline.usage()));
        }
        for row in board.all() {
            self.line(&row.job.request.clone(), tour(&row));
        }
    }

    fn line(&self, name: &str, text: String) {
        let mut bars = self.bars.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let bar = bars.entry(name.to_owned()).or_insert_with(|| {
            let style =
                ProgressStyle::with_template("{prefix:18} {msg}").expect("the template is well-formed");
            self.lines.add(ProgressBar::no_length().with_style(style).with_prefix(name.to_owned()))
        });
        bar.set_message(text);
        bar.tick();
    }
}

/// A letter for each slot, the most important first: Protected, Internal, External, or a dot.
fn slots(usage: &SlotUsage) -> String {
    let letters = [
        ("P", usage.protected),
        ("i", usage.unprotected_internal),
        ("e", usage.unprotected_external),
        ("!", usage.wedged),
        (".", usage.empty),
    ];
    let map: String = letters.iter().map(|(letter, slots)| letter.repeat(*slots)).collect();
    format!(
        "[{map}] {} protected, {} internal, {} external, {} empty",
        usage.protected, usage.unprotected_internal, usage.unprotected_external, usage.empty
    )
}

fn tour(row: &Row) -> String {
    let state = match (row.finished, row.start_latency) {
        (true, _) => "done",
        (false, Some(_)) => "running",
        (false, None) => "sent",
    };
    match (&row.best, row.gap()) {
        (Some((length, _)), Some(gap)) => format!("{state:8} best {length}, {gap:.2} % above the optimum"),
        (Some((length, _)), None) => format!("{state:8} best {length}"),
        (None, _) => state.to_owned(),
    }
}
