//! The same requests with and without assistants, for equal time.

use std::collections::BTreeSet;

use serde::Serialize;

use super::options::{Options, Source};
use super::report::{Report, mean, percent};
use super::run::run;
use crate::output::table;

/// One seed could be luck.
const SEEDS: u64 = 3;

/// What assistants made of the time.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Comparison {
    instances: Vec<Difference>,
    all: Difference,
    useful_core_share_alone: f64,
    useful_core_share_expanded: f64,
    evictions: usize,
    pub(super) interrupted: bool,
}

/// Mean gaps to the optimum, in per cent, over all seeds.
#[derive(Clone, Debug, Serialize)]
struct Difference {
    instance: String,
    alone: Option<f64>,
    expanded: Option<f64>,
}

/// Runs both, for each seed in turn.
pub(super) async fn compare(options: &Options, sources: &[Source], show: bool) -> anyhow::Result<Comparison> {
    let (mut alone, mut expanded) = (Vec::new(), Vec::new());
    let mut interrupted = false;
    for seed in options.seed..options.seed + SEEDS {
        for (expansion, reports) in [(false, &mut alone), (true, &mut expanded)] {
            if !interrupted {
                let report = Report::new(&run(options, sources, seed, expansion, None, show).await?);
                interrupted |= report.interrupted;
                reports.push(report);
            }
        }
    }
    let names: BTreeSet<&str> = sources.iter().map(|source| source.instance.name()).collect();
    let difference = |name: &str, instance: Option<&str>| Difference {
        instance: name.to_owned(),
        alone: mean_gap(&alone, instance),
        expanded: mean_gap(&expanded, instance),
    };
    let share = |reports: &[Report]| {
        let slots = reports.iter().filter_map(|report| report.slots.as_ref());
        let shares: Vec<f64> = slots.map(|slots| slots.useful_core_share).collect();
        mean(&shares).unwrap_or_default()
    };
    Ok(Comparison {
        instances: names.into_iter().map(|name| difference(name, Some(name))).collect(),
        all: difference("all requests", None),
        useful_core_share_alone: share(&alone),
        useful_core_share_expanded: share(&expanded),
        evictions: expanded
            .iter()
            .filter_map(|report| report.slots.as_ref())
            .map(|slots| slots.evictions)
            .sum(),
        interrupted,
    })
}

fn mean_gap(reports: &[Report], instance: Option<&str>) -> Option<f64> {
    let gaps: Vec<f64> = reports.iter().filter_map(|report| report.mean_gap(instance)).collect();
    mean(&gaps)
}

impl Comparison {
    pub(super) fn text(&self) -> String {
        let mut table = table(["mean gap", "alone", "with assistants", "difference"]);
        for row in self.instances.iter().chain([&self.all]) {
            let difference = row.alone.zip(row.expanded).map(|(alone, expanded)| expanded - alone);
            table.add_row([
                row.instance.clone(),
                percent(row.alone),
                percent(row.expanded),
                percent(difference),
            ]);
        }
        format!(
            "{table}\nuseful core share: alone {:.1} %, with assistants {:.1} %; {} evictions\n",
            self.useful_core_share_alone * 100.0,
            self.useful_core_share_expanded * 100.0,
            self.evictions,
        )
    }
}
