//! Every benchmark there is, one file each.

mod brokers;
mod burners;
mod burst;
mod claim;
mod control;
mod dispatch;
mod eviction;
mod expansion;
mod fleet;
mod instructions;
mod memory;
mod parked;
mod start;

use clap::ValueEnum;
use serde::Serialize;

use super::spec::{Benchmark, Effort};

/// The benchmarks by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Name {
    /// What a request costs that has nothing to do
    #[value(alias = "B1")]
    Dispatch,
    /// The same where requests hold all slots but one
    #[value(alias = "B1p")]
    Parked,
    /// How soon a request starts on an idle server
    #[value(alias = "B2")]
    Start,
    /// How soon a request starts where others have to give way
    #[value(alias = "B3")]
    Eviction,
    /// The same where those burn the CPU
    #[value(alias = "B3b")]
    Burners,
    /// How soon the last of many requests at once starts
    #[value(alias = "B4")]
    Burst,
    /// How soon control messages reach tasks
    #[value(alias = "B5")]
    Control,
    /// How soon spare slots are filled
    #[value(alias = "B6")]
    Expansion,
    /// What slots, tasks and offers take
    #[value(alias = "B7")]
    Memory,
    /// What requests cost that come through a broker
    #[value(alias = "B8")]
    Brokers,
    /// What becomes of requests that come in bursts, and of the cores
    #[value(alias = "B9")]
    Claim,
    /// The same for a fleet of servers, in simulation
    #[value(alias = "B9s")]
    Fleet,
    /// How many instructions the scheduler takes for what requests need of it
    Instructions,
}

impl Name {
    pub(super) fn benchmark(self, effort: Effort) -> Benchmark {
        match self {
            Self::Dispatch => dispatch::benchmark(effort),
            Self::Parked => parked::benchmark(effort),
            Self::Start => start::benchmark(effort),
            Self::Eviction => eviction::benchmark(effort),
            Self::Burners => burners::benchmark(effort),
            Self::Burst => burst::benchmark(effort),
            Self::Control => control::benchmark(effort),
            Self::Expansion => expansion::benchmark(effort),
            Self::Memory => memory::benchmark(effort),
            Self::Brokers => brokers::benchmark(effort),
            Self::Claim => claim::benchmark(effort),
            Self::Fleet => fleet::benchmark(effort),
            Self::Instructions => instructions::benchmark(),
        }
    }

    /// As on the command line.
    pub(super) fn as_str(self) -> String {
        let value = self.to_possible_value().expect("no benchmark is hidden");
        value.get_name().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::spec::Target;

    #[test]
    fn cases_have_labels_of_their_own_and_targets_name_those_that_are_there() {
        for &name in Name::value_variants() {
            for effort in [Effort::Full, Effort::Quick] {
                let benchmark = name.benchmark(effort);
                let labels: Vec<_> = benchmark.cases.iter().map(|case| &case.label).collect();
                for (at, case) in benchmark.cases.iter().enumerate() {
                    assert!(!labels[..at].contains(&&case.label), "{name:?}: {} is there twice", case.label);
                    for measure in &case.measures {
                        for target in &measure.targets {
                            if let Some(peer) = target.peer() {
                                let known = case.peers.iter().any(|it| it.name == peer);
                                assert!(known, "{name:?}: {} has no peer {peer}", case.label);
                            }
                            if let Target::OfOwn(_, other) = target {
                                assert!(labels.contains(&other), "{name:?}: there is no {other}");
                            }
                        }
                    }
                }
            }
        }
    }
}
