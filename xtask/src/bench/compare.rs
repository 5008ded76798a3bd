//! From what the programs printed in turn to ratios, and whether they can be relied on.

use anyhow::{Context, Result};
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
    /// Not timed: no turns, no peers and no noise.
    pub(super) counted: bool,
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
    figures: Vec<f64>,
    pub(super) ours: Spread,
    pub(super) refused: usize,
    pub(super) peers: Vec<Beside>,
    /// Those that need no peer.
    pub(super) aims: Vec<Aim>,
    /// What was measured of ours says little: see [`is_noisy`].
    pub(super) noisy: bool,
}

/// The same figure of a peer.
#[derive(Debug, Serialize)]
pub(super) struct Beside {
    pub(super) peer: &'static str,
    /// Turn by turn, as ours.
    figures: Vec<Option<f64>>,
    pub(super) theirs: Option<Spread>,
    /// Ours to theirs of the same turn.
    pub(super) ratio: Option<Spread>,
    pub(super) refused: usize,
    pub(super) aims: Vec<Aim>,
    /// The ratio says little.
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
        let measures = benchmark.cases.iter().flat_map(|case| &case.measures);
        let own: Vec<Vec<Aim>> =
            rows.iter().zip(measures).map(|(row, it)| own_aims(row, it, &rows)).collect();
        for (row, aims) in rows.iter_mut().zip(own) {
            row.aims = aims;
        }
        let Benchmark { number, title, counted, .. } = *benchmark;
        Ok(Self { number, title, counted: counted.is_some(), rows })
    }
}

fn row(case: &Case, measure: &Measure, turns: &[Turn], machine: &Machine) -> Result<Row> {
    let figures = turns.iter().map(|turn| turn.ours.output.read(measure.of)).collect::<Result<Vec<f64>>>()?;
    let ours = Spread::of(&figures).with_context(|| format!("{} was never run", case.label))?;
    let disturbed = turns.iter().map(|turn| machine.was_disturbed(turn.ours.spin)).collect::<Vec<_>>();
    let peers = case.peers.iter().enumerate();
    Ok(Row {
        case: case.label.clone(),
        measure: measure.label,
        unit: measure.unit,
        unit_name: measure.unit.name(),
        ours,
        refused: turns.iter().map(|turn| turn.ours.output.refused).sum(),
        peers: peers.map(|(at, peer)| beside(peer.name, at, measure, &figures, turns, machine)).collect(),
        aims: Vec::new(),
        noisy: varies(&figures) && is_noisy(ours, &disturbed),
        figures,
    })
}

/// What stands at this place among the peers' runs, beside our figures of the same turns.
fn beside(
    peer: &'static str,
    at: usize,
    measure: &Measure,
    ours: &[f64],
    turns: &[Turn],
    machine: &Machine,
) -> Beside {
    let runs: Vec<_> = turns.iter().map(|turn| turn.peers[at].as_ref()).collect();
    // Not every peer can be asked for everything.
    let figures: Vec<_> =
        runs.iter().map(|run| run.and_then(|run| run.output.read(measure.of).ok())).collect();
    let varies = varies(ours) || varies(&figures.iter().copied().flatten().collect::<Vec<_>>());
    let both = ours.iter().zip(&figures).filter_map(|(&ours, &theirs)| Some((ours, theirs?)));
    let (ratios, differences): (Vec<_>, Vec<_>) =
        both.map(|(ours, theirs)| (ours / theirs, ours - theirs)).unzip();
    // Nothing is no multiple of anything.
    let ratios: Vec<_> = ratios.into_iter().filter(|ratio: &f64| ratio.is_finite()).collect();
    let (ratio, difference) = (Spread::of(&ratios), Spread::of(&differences));
    let targets = measure.targets.iter().filter(|target| target.peer() == Some(peer));
    let spins = turns.iter().zip(&runs).flat_map(|(turn, run)| [Some(&turn.ours), *run]).flatten();
    let disturbed: Vec<_> = spins.map(|run| machine.was_disturbed(run.spin)).collect();
    Beside {
        peer,
        theirs: Spread::of(&figures.iter().copied().flatten().collect::<Vec<_>>()),
        refused: runs.iter().flatten().map(|run| run.output.refused).sum(),
        aims: targets.map(|target| aim(target, measure.unit, ratio, difference)).collect(),
        noisy: varies && ratio.is_some_and(|ratio| is_noisy(ratio, &disturbed)),
        ratio,
        figures,
    }
}

/// What was measured differs from turn to turn, or is there once. What is simulated comes out the same on any machine.
fn varies(figures: &[f64]) -> bool {
    figures.len() == 1 || figures.windows(2).any(|pair| pair[0] != pair[1])
}

/// Too noisy: the middle half spans more than this factor, or the machine was disturbed before most runs.
fn is_noisy(figures: Spread, disturbed: &[bool]) -> bool {
    const TOO_WIDE: f64 = 1.5;
    let often = 2 * disturbed.iter().filter(|&&it| it).count() > disturbed.len();
    often || figures.high > figures.low * TOO_WIDE
}

/// Whether a target beside a peer is met.
fn aim(target: &Target, unit: Unit, ratio: Option<Spread>, difference: Option<Spread>) -> Aim {
    let (met, target) = match target {
        Target::TimesPeer(peer, most) => {
            (ratio.map(|it| it.median <= *most), format!("≤ {} × {peer}", times(*most)))
        }
        Target::AtLeastTimesPeer(peer, least) => {
            (ratio.map(|it| it.median >= *least), format!("≥ {} × {peer}", times(*least)))
        }
        Target::AbovePeer(peer, most) => {
            (difference.map(|it| it.median <= *most), format!("≤ {peer} + {}", unit.show(*most)))
        }
        Target::AtMost(_) | Target::AtLeast(_) | Target::OfOwn(..) => unreachable!("these need no peer"),
    };
    Aim { target, met }
}

/// Whether the targets of ours alone are met.
fn own_aims(row: &Row, measure: &Measure, rows: &[Row]) -> Vec<Aim> {
    let (ours, unit) = (row.ours.median, row.unit);
    let own = |target: &Target| match target {
        Target::AtMost(most) => Some((Some(ours <= *most), format!("≤ {}", unit.show(*most)))),
        Target::AtLeast(least) => Some((Some(ours >= *least), format!("≥ {}", unit.show(*least)))),
        Target::OfOwn(most, label) => {
            let other = rows.iter().find(|it| it.case == *label && it.measure == row.measure);
            let met = other.map(|other| ours <= other.ours.median * most);
            Some((met, format!("≤ {} × “{label}”", times(*most))))
        }
        Target::TimesPeer(..) | Target::AtLeastTimesPeer(..) | Target::AbovePeer(..) => None,
    };
    measure.targets.iter().filter_map(own).map(|(met, target)| Aim { target, met }).collect()
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
            Self::Count => "count",
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
            Self::Count => format!("{value:.0}"),
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
