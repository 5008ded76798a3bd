//! B2: how soon a request starts on a server that has nothing else to do.

use crate::bench::spec::{Benchmark, Case, Effort, Kind, Measure, Peer, Target};

/// There the peers that have no slots are left out.
const FIRST_USE: &str = "first use of each slot";

pub(super) fn benchmark(effort: Effort) -> Benchmark {
    let (many, paused, fresh) = effort.pick((20_000, 5_000, 1_024), (1_000, 200, 64));
    let mut cases = Vec::new();
    for kind in Kind::BOTH {
        let close = kind.pick(Some((0.5, 0.3)), None);
        let apart = kind.pick(Some((0.5, 0.3)), Some((0.4, 0.6)));
        for (situation, options, target) in [
            ("back to back", format!("start --slots 8 --requests {many}"), close),
            ("after 200 µs", format!("start --slots 8 --requests {paused} --pause 200"), apart),
            (FIRST_USE, format!("start --slots {fresh} --requests {fresh} --first-use"), None),
        ] {
            let mut case = Case::of(kind, situation, &options);
            if situation != FIRST_USE {
                case = case.peer(Peer::tokio(kind, &options));
            }
            cases.push(
                case.measure(
                    Measure::percentile("p50", "start", 50.0)
                        .aim(target.map(|(p50, _)| Target::times_go(p50))),
                )
                .measure(
                    Measure::percentile("p99", "start", 99.0)
                        .aim(target.map(|(_, p99)| Target::times_go(p99))),
                ),
            );
        }
    }
    Benchmark { number: "B2", title: "start on an idle server", counted: None, cases }
}
