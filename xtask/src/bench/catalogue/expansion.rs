//! B6: how soon one task's assistants fill spare slots.

use crate::bench::spec::{Benchmark, Case, Effort, Kind, Measure, Target, Unit};

pub(super) fn benchmark(effort: Effort) -> Benchmark {
    let mut cases = Vec::new();
    for kind in Kind::BOTH {
        for slots in [64, 1024, 10_000].into_iter().filter(|&slots| kind.can_have(slots)) {
            let (rounds, refills) = effort.pick((10, 10), (1, 3));
            let options =
                format!("expansion --slots {slots} --rounds {rounds} --refills {refills} --passes 1000");
            let target = match (kind, slots) {
                (Kind::Async, 10_000) => Some(Target::times_go(1.0 / 40.0)),
                (Kind::Threads, 1024) => Some(Target::times_go(0.6)),
                _ => None,
            };
            cases.push(
                Case::of(kind, &format!("{slots} slots"), &options)
                    .measure(Measure::percentile("fill all but one, p50", "fill", 50.0).aim(target))
                    .measure(Measure::percentile("refill one, p50", "refill", 50.0))
                    .measure(Measure::figure("pass with nothing to do", "ns_per_pass", Unit::Nanoseconds)),
            );
        }
    }
    Benchmark { number: "B6", title: "expansion", counted: None, cases }
}
