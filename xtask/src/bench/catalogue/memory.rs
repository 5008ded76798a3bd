//! B7: what slots, tasks and offers take of memory.

use crate::bench::spec::{Benchmark, Case, Effort, Kind, Measure, Target, Unit};

pub(super) fn benchmark(effort: Effort) -> Benchmark {
    let offers = effort.pick(100_000, 10_000);
    let case = |kind: Kind| {
        let slots = kind.pick(10_000, 1_024);
        let offers = kind.pick(offers, 0);
        let task = kind.pick(Target::times_go(0.3), Target::AtMost(16.0 * 1024.0));
        let options = format!("memory --slots {slots} --offers {offers}");
        let case = Case::of(kind, &format!("{slots} slots"), &options)
            .measure(Measure::figure("idle slot", "bytes_per_slot", Unit::Bytes))
            .measure(Measure::figure("parked task", "bytes_per_task", Unit::Bytes).aim(task));
        if offers > 0 {
            case.measure(Measure::figure("queued offer", "bytes_per_offer", Unit::Bytes))
        } else {
            case
        }
    };
    Benchmark { number: "B7", title: "memory", counted: None, cases: Kind::BOTH.map(case).into() }
}
