//! B3b: how soon a request starts where tasks that burn the CPU hold every slot, on fewer cores than slots.

use crate::bench::spec::{Benchmark, Case, Effort, Measure, Peer, Target};

/// With or without: victims beside the slots, and their idle priority.
const MODES: [(&str, bool, bool); 3] =
    [("no overlap", false, true), ("overlap", true, false), ("overlap, idle priority", true, true)];

pub(super) fn benchmark(effort: Effort) -> Benchmark {
    let mut cases = Vec::new();
    for slots in [2, 8] {
        for looks in [true, false] {
            for (mode, overlaps, lowers) in MODES {
                cases.push(case(effort, slots, looks, mode, (overlaps, lowers)));
            }
        }
    }
    Benchmark { number: "B3b", title: "start by eviction of what burns the CPU", counted: None, cases }
}

fn case(effort: Effort, slots: usize, looks: bool, mode: &str, (overlaps, lowers): (bool, bool)) -> Case {
    let overlap = slots / 2;
    // Where nobody looks, victims stay for ever: each server has as many requests as it can have leftovers, or one.
    let (servers, requests) = match (looks, overlaps) {
        (true, _) => (1, effort.pick(50, 8)),
        (false, true) => (effort.pick(10, 2), overlap),
        (false, false) => (effort.pick(2, 1), 1),
    };
    let (habit, never) = if looks {
        ("look every 20 µs", "--kill-timeout 5000")
    } else {
        ("never look", "--kill-timeout 200 --never-look")
    };
    // A request that the Go library refuses has cost it a kill timeout: so it gets fewer.
    let peer = if looks { (servers, requests) } else { (effort.pick(2, 1), 1) };
    let options = |(servers, requests): (usize, usize)| {
        format!("burners --slots {slots} --servers {servers} --requests {requests} {never}")
    };
    let targets = match (slots, overlaps, lowers) {
        (8, true, true) => Some((1.0 / 1000.0, 1.0 / 20.0)),
        (8, false, _) if looks => Some((0.15, 0.15)),
        _ => None,
    };
    let mut case = Case::new(format!("{slots} slots, {habit}, {mode}"), &options((servers, requests)))
        .peer(Peer::go_library(&options(peer)))
        .measure(Measure::percentile("p50", "start", 50.0).aim(targets.map(|(p50, _)| Target::times_go(p50))))
        .measure(
            Measure::percentile("p99", "start", 99.0).aim(targets.map(|(_, p99)| Target::times_go(p99))),
        );
    if overlaps {
        case = case.ours(&format!("--overlap {overlap}"));
    }
    if lowers {
        case = case.ours("--idle-priority");
    }
    case
}
