//! B9s: the claim for a thousand servers of 64 slots, in simulation.

use super::claim::{BOUND, POOL, QUEUE, USEFUL};
use crate::bench::spec::{Benchmark, Case, Effort, Measure, Peer, Program, Target, Unit};

pub(super) fn benchmark(effort: Effort) -> Benchmark {
    let (servers, requests) = effort.pick((1_000, 100_000), (100, 2_000));
    let cases = [("in turn", ""), ("empty slots first", "--empty-first")].map(|(label, broker)| {
        let trace = format!(
            "fleet --servers {servers} --slots 64 --mean-work 32000 --cycle 20000 --requests {requests}"
        );
        let peer = |name, policy| Peer::new(name, Program::Ours, &format!("{trace} --policy {policy}"));
        Case::new(format!("the broker hands out {label}"), &trace)
            .ours(&format!("--policy occamy {broker}"))
            .peer(peer(POOL, "pool"))
            .peer(peer(QUEUE, "queue"))
            .peer(peer(BOUND, "bound"))
            .measure(
                Measure::figure("useful share where there is work", "useful_share", Unit::Times)
                    .aim(Target::AtLeast(USEFUL)),
            )
            .measure(
                Measure::figure("useful share of the fleet", "useful_share_of_fleet", Unit::Times)
                    .aim(Target::AtLeastTimesPeer(BOUND, USEFUL)),
            )
            .measure(Measure::figure("completion, mean", "mean_completion", Unit::Nanoseconds))
            .measure(Measure::percentile("completion, p99", "completion", 99.0))
            // On an idle server a start takes no time in the simulation.
            .measure(Measure::percentile("start, p99", "start", 99.0).aim(Target::AtMost(1e6)))
            .measure(Measure::figure("thrown away per request", "thrown_per_request", Unit::Nanoseconds))
    });
    Benchmark {
        number: "B9s",
        title: "the claim for a fleet, in simulation",
        counted: None,
        cases: cases.into(),
    }
}
