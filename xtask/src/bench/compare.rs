//! From what the programs printed in turn to ratios, and whether they can be relied on.

use anyhow::{Result, ensure};
use serde::Serialize;

use super::machine::Machine;
use super::programs::Turn;
use super::spec::{Benchmark, Case, Measure, Target, Unit};

mod spread;

pub(super) use spread::Spread;

/// A benchmark with its figures.
#[derive(Debug, Serialize)]
pub(super) struct Compared {
    pub(super) number: &'static str,
    pub(super) title: &'static str,
    pub(super) rows: Vec<Row>,
}

/// One figure of one case.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) case: String,
    pub(super) measure: &'static str,
    #[serde(skip)]
    pub(super) unit: Unit,
    unit_name: &'static str,
    /// Turn by turn.
    our_figures: Vec<f64>,
    peer_figures: Vec<Option<f64>>,
    pub(super) ours: Spread,
    pub(super) peer: Option<Spread>,
    /// Ours to the peer's of the same turn.
    pub(super) ratio: Option<Spread>,
    pub(super) our_refused: usize,
    pub(super) peer_refused: usize,
    pub(super) aims: Vec<Aim>,
    /// What was measured says little: see [`is_noisy`].
    pub(super) noisy: bool,
}

/// A target, and what came of it.
#[derive(Debug, Serialize)]
pub(super) struct Aim {
    pub(super) target: String,
    /// `None` where there was nothing to compare with.
    pub(super) met: Option<bool>,
}

impl Compared {
    pub(super) fn new(benchmark: &Benchmark, runs: &[Vec<Turn>], machine: &Machine) -> Result<Self> {
        let mut rows = Vec::new();
        for (case, turns) in benchmark.cases.iter().zip(runs) {
            for measure in &case.measures {
                rows.push(row(case, measure, turns, machine)?);
            }
        }
        for (case, measure) in
            benchmark.cases.iter().flat_map(|case| case.measures.iter().map(move |it| (case, it)))
        {
            let aims = measure.targets.iter().map(|target| aim(target, case, measure, &rows)).collect();
            if let Some(row) = find(&mut rows, &case.label, measure.label) {
                row.aims = aims;
            }
        }
        Ok(Self { number: benchmark.number, title: benchmark.title, rows })
    }
}

fn row(case: &Case, measure: &Measure, turns: &[Turn], machine: &Machine) -> Result<Row> {
    ensure!(!turns.is_empty(), "{} was never run", case.label);
    let figures = turns
        .iter()
        .map(|turn| {
            let peer = turn.peer.as_ref().map(|run| run.output.read(measure.of)).transpose()?;
            Ok((turn.ours.output.read(measure.of)?, peer))
        })
        .collect::<Result<Vec<(f64, Option<f64>)>>>()?;
    let ratios: Vec<f64> = figures.iter().filter_map(|(ours, peer)| Some(ours / (*peer)?)).collect();
    let (our_figures, peer_figures): (Vec<_>, Vec<_>) = figures.into_iter().unzip();
    let (ours, ratio) = (Spread::of(&our_figures), Spread::of(&ratios));
    let disturbed = turns
        .iter()
        .flat_map(|turn| [Some(&turn.ours), turn.peer.as_ref()])
        .flatten()
        .map(|run| machine.was_disturbed(run.spin))
        .collect::<Vec<_>>();
    let ours = ours.expect("there is a turn");
    Ok(Row {
        case: case.label.clone(),
        measure: measure.label,
        unit: measure.unit,
        unit_name: measure.unit.name(),
        noisy: is_noisy(ratio.unwrap_or(ours), &disturbed),
        peer: Spread::of(&peer_figures.iter().copied().flatten().collect::<Vec<_>>()),
        our_figures,
        peer_figures,
        ours,
        ratio,
        our_refused: turns.iter().map(|turn| turn.ours.output.refused).sum(),
        peer_refused: turns.iter().filter_map(|turn| turn.peer.as_ref()).map(|run| run.output.refused).sum(),
        aims: Vec::new(),
    })
}

/// Too noisy: the middle half of the ratios, or without a peer of our own figures, spans more than this factor, or the
/// machine was disturbed before most runs.
fn is_noisy(figures: Spread, disturbed: &[bool]) -> bool {
    const TOO_WIDE: f64 = 1.5;
    let often = 2 * disturbed.iter().filter(|&&it| it).count() > disturbed.len();
    often || figures.high > figures.low * TOO_WIDE
}

fn aim(target: &Target, case: &Case, measure: &Measure, rows: &[Row]) -> Aim {
    let row = |label: &str| rows.iter().find(|row| row.case == label && row.measure == measure.label);
    let own = row(&case.label);
    let (met, text) = match target {
        Target::Ratio(most) => {
            let ratio = own.and_then(|row| row.ratio);
            (ratio.map(|ratio| ratio.median <= *most), format!("≤ {} × Go", times(*most)))
        }
        Target::AtMost(most) => {
            (own.map(|row| row.ours.median <= *most), format!("≤ {}", measure.unit.show(*most)))
        }
        Target::OfOwn(most, other) => {
            let both = own.zip(row(other));
            let met = both.map(|(own, other)| own.ours.median <= other.ours.median * most);
            (met, format!("≤ {} × “{other}”", times(*most)))
        }
    };
    Aim { target: text, met }
}

fn find<'a>(rows: &'a mut [Row], case: &str, measure: &str) -> Option<&'a mut Row> {
    rows.iter_mut().find(|row| row.case == case && row.measure == measure)
}

/// A factor: small ones as fractions.
fn times(factor: f64) -> String {
    if factor < 0.1 { format!("1/{:.0}", 1.0 / factor) } else { factor.to_string() }
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Nanoseconds => "ns",
            Self::Bytes => "bytes",
            Self::PerSecond => "1/s",
            Self::Times => "times",
        }
    }

    /// With as many digits as can be meant.
    pub(super) fn show(self, value: f64) -> String {
        match self {
            Self::Nanoseconds if value >= 1e6 => format!("{} ms", digits(value / 1e6)),
            Self::Nanoseconds if value >= 1e3 => format!("{} µs", digits(value / 1e3)),
            Self::Nanoseconds => format!("{} ns", digits(value)),
            Self::Bytes if value >= 10_240.0 => format!("{} KiB", digits(value / 1024.0)),
            Self::Bytes => format!("{} B", digits(value)),
            Self::PerSecond => format!("{}/s", digits(value)),
            Self::Times => format!("{value:.2}"),
        }
    }
}

fn digits(value: f64) -> String {
    let decimals = match value {
        0.0..10.0 => 2,
        10.0..100.0 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests;
