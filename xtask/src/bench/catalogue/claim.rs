//! B9: what becomes of elastic requests that come in bursts, and of two cores meanwhile.

use crate::bench::spec::{Benchmark, Case, Effort, Measure, Peer, Program, Target, Unit};

/// The peers' names. The bound is called as a peer.
pub(super) const POOL: &str = "fixed pool";
pub(super) const QUEUE: &str = "priority queue";
pub(super) const BOUND: &str = "bound";

/// The least part of the bound's useful share.
pub(super) const USEFUL: f64 = 0.97;

pub(super) fn benchmark(effort: Effort) -> Benchmark {
    // Some twenty seconds of each.
    let loads =
        [("half loaded", 0.5, effort.pick(500, 20)), ("a quarter loaded", 0.25, effort.pick(250, 20))];
    let cases = loads.map(|(label, load, requests)| {
        let trace = format!("claim --cores 2 --mean-work 40 --requests {requests} --load {load}");
        let peer = |name, policy| Peer::new(name, Program::Ours, &format!("{trace} --policy {policy}"));
        // A millisecond above an idle server's start, which is the bound.
        let start = Target::AbovePeer(BOUND, 1e6);
        Case::new(label, &trace)
            .ours("--policy occamy --write-trace claim.trace")
            .peer(Peer::go_library("claim --cores 2 --trace claim.trace"))
            .peer(peer(POOL, "pool"))
            .peer(peer(QUEUE, "queue"))
            .peer(peer(BOUND, "bound"))
            .measure(
                Measure::figure("useful share", "useful_share", Unit::Times)
                    .aim(Target::AtLeastTimesPeer(BOUND, USEFUL)),
            )
            .measure(Measure::figure("completion, mean", "mean_completion", Unit::Nanoseconds))
            .measure(Measure::percentile("completion, p99", "completion", 99.0))
            .measure(Measure::percentile("start given room, p99", "start_given_room", 99.0).aim(start))
            .measure(Measure::percentile("start once handed over, p99", "start_once_handed_over", 99.0))
            .measure(Measure::percentile("start since arrival, p99", "start", 99.0))
            .measure(Measure::figure("taken by others", "others_share", Unit::Times))
            .measure(Measure::figure("thrown away per request", "thrown_per_request", Unit::Nanoseconds))
    });
    Benchmark { number: "B9", title: "the claim itself", counted: None, cases: cases.into() }
}
