//! B3: how soon a request starts where tasks that wait for their stop hold every slot.

use crate::bench::spec::{Benchmark, Case, Effort, Kind, Measure, Target};

pub(super) fn benchmark(effort: Effort) -> Benchmark {
    let requests = effort.pick(2_000, 100);
    let mut cases = Vec::new();
    for kind in Kind::BOTH {
        let (p50, p99) = kind.pick((0.2, 0.4), (0.35, 0.6));
        for slots in [8, 64] {
            let options = format!("eviction --slots {slots} --requests {requests}");
            cases.push(
                Case::of(kind, &format!("{slots} slots"), &options)
                    .measure(Measure::percentile("p50", "start", 50.0).aim(Target::times_go(p50)))
                    .measure(Measure::percentile("p99", "start", 99.0).aim(Target::times_go(p99))),
            );
        }
    }
    Benchmark { number: "B3", title: "start by eviction", counted: None, cases }
}
