//! B1p: what a request costs that has nothing to do, where waiting requests hold all slots but one.

use crate::bench::spec::{Benchmark, Case, Effort, Kind, Measure, Unit};

pub(super) fn benchmark(effort: Effort) -> Benchmark {
    let requests = effort.pick(200_000, 5_000);
    let mut cases = Vec::new();
    for kind in Kind::BOTH {
        for slots in [8, 64, 1024, 10_000].into_iter().filter(|&slots| kind.can_have(slots)) {
            let options = format!("dispatch --slots {slots} --parked {} --requests {requests}", slots - 1);
            let measure = Measure::figure("per request", "ns_per_request", Unit::Nanoseconds);
            cases.push(Case::of(kind, &format!("{slots} slots"), &options).measure(measure));
        }
    }
    Benchmark { number: "B1p", title: "dispatch with all slots but one taken", counted: None, cases }
}
