//! B4: how soon the last of many requests at once starts, where every victim takes 5 ms to stop.

use crate::bench::spec::{Benchmark, Case, Effort, Kind, Measure, Target, Unit};

pub(super) fn benchmark(effort: Effort) -> Benchmark {
    let rounds = effort.pick(20, 3);
    let options = format!("burst --slots 64 --requests 32 --linger 5000 --rounds {rounds}");
    let case = |kind: Kind| {
        let (ratio, beyond) = kind.pick((1.0 / 20.0, None), (1.0 / 28.0, Some(Target::AtMost(1.1))));
        Case::of(kind, "32 requests on 64 slots", &options)
            .measure(Measure::percentile("last start, p50", "last_start", 50.0).aim(Target::times_go(ratio)))
            .measure(Measure::figure("in slowest stops", "times_the_slowest_stop", Unit::Times).aim(beyond))
    };
    Benchmark { number: "B4", title: "burst", counted: None, cases: Kind::BOTH.map(case).into() }
}
