//! The scheduler's hot paths, in instructions: a regression shows without timing.

use crate::bench::spec::{Benchmark, Case, Measure, Unit};

/// How many rounds are counted.
const ROUNDS: usize = 1000;

pub(super) fn benchmark() -> Benchmark {
    let paths = [
        ("request", "a request starts and ends"),
        ("asked", "the same, and is asked for assistants"),
        ("last-slot", "a request in the last slot"),
        ("eviction", "a request evicts, and the slot is refilled"),
        ("offer", "an offer starts, is asked and ends"),
        ("nothing-to-expand", "a pass with nothing to do"),
    ];
    let mut cases = Vec::new();
    for (path, what) in paths {
        for slots in [8, 64, 10_000] {
            let measure = Measure::figure("each", "instructions", Unit::Count);
            let case =
                Case::new(format!("{what}, {slots} slots"), &format!("scheduler {path} --slots {slots}"));
            cases.push(case.measure(measure));
        }
    }
    Benchmark { number: "I", title: "instructions of the scheduler", counted: Some(ROUNDS), cases }
}
