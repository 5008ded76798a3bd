//! B5: how soon control messages reach the tasks that they are for.

use crate::bench::spec::{Benchmark, Case, Effort, Measure, Peer, Target, Unit};

pub(super) fn benchmark(effort: Effort) -> Benchmark {
    let (messages, volleys, rounds) = effort.pick((2_000, 50, 20), (100, 3, 2));
    let options = format!("control --tasks 64 --messages {messages} --volleys {volleys} --rounds {rounds}");
    // A millisecond is far below the 50 that the slow one takes, and far above what a message takes.
    let no_delay = Target::AtMost(1e6);
    let case = Case::new("64 tasks", &options)
        .peer(Peer::go_library(&options))
        .measure(Measure::percentile("one by one, p50", "message", 50.0).aim(Target::times_go(0.3)))
        .measure(Measure::percentile("one by one, p99", "message", 99.0))
        .measure(
            Measure::figure("in volleys, each", "ns_per_message", Unit::Nanoseconds)
                .aim(Target::times_go(0.3)),
        )
        .measure(Measure::figure("in volleys", "messages_per_second", Unit::PerSecond))
        .measure(Measure::percentile("behind a slow handle, p50", "behind_a_slow_one", 50.0).aim(no_delay));
    Benchmark { number: "B5", title: "control messages", counted: None, cases: vec![case] }
}
