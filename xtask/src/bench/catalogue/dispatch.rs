//! B1: what a request costs that has nothing to do.

use crate::bench::spec::{Benchmark, Case, Effort, Kind, Measure, Peer, Target, Unit};

/// Up to here the cost may not grow with the slots by more than this.
const FLAT: f64 = 1.3;

pub(super) fn benchmark(effort: Effort) -> Benchmark {
    let requests = effort.pick(200_000, 5_000);
    let mut cases = Vec::new();
    for kind in Kind::BOTH {
        for slots in [1, 8, 64, 1024, 10_000].into_iter().filter(|&slots| kind.can_have(slots)) {
            let ratio = match (kind, slots) {
                (Kind::Async, 1) => Some(0.5),
                (Kind::Async, _) => Some(0.9),
                (Kind::Threads, 1) => None,
                (Kind::Threads, _) => Some(3.0),
            };
            let flat = kind == Kind::Async && slots > 8;
            let measure = Measure::figure("per request", "ns_per_request", Unit::Nanoseconds)
                .aim(ratio.map(Target::times_go))
                .aim(flat.then(|| Target::OfOwn(FLAT, "async, 8 slots".to_owned())));
            let situation = if slots == 1 { "1 slot".to_owned() } else { format!("{slots} slots") };
            let options = format!("dispatch --slots {slots} --requests {requests}");
            cases.push(
                Case::of(kind, &situation, &options).peer(Peer::tokio(kind, &options)).measure(measure),
            );
        }
        // What the requests alone cost.
        let options = format!("dispatch --slots 64 --requests {requests}");
        let measure = Measure::figure("per request", "ns_per_request", Unit::Nanoseconds);
        cases.push(
            Case::of(kind, "64 slots, nobody asked to expand", &options).ours("--buffer 63").measure(measure),
        );
    }
    Benchmark { number: "B1", title: "dispatch", counted: None, cases }
}
