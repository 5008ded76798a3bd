//! Small fleets, whose figures can be worked out by hand.

use super::*;
use clap::{Args, FromArgMatches};

use crate::times as times_of;

fn options(policy: &str, servers: usize, slots: usize) -> Options {
    let (servers, slots) = (servers.to_string(), slots.to_string());
    let words = ["fleet", "--policy", policy, "--servers", &servers, "--slots", &slots];
    let trace =
        ["--requests", "500", "--mean-work", "1000", "--load", "0.7", "--stop", "1000", "--answer", "500"];
    let matches =
        Options::augment_args(clap::Command::new("fleet")).get_matches_from(words.into_iter().chain(trace));
    Options::from_arg_matches(&matches).unwrap()
}

fn requests(all: &[(u64, u64)]) -> Vec<Request> {
    let ms = Duration::from_millis;
    all.iter().map(|&(arrival, work)| Request { arrival: ms(arrival), work: ms(work) }).collect()
}

/// Starts and ends, in microseconds since the trace began.
fn times(policy: &str, servers: usize, trace: &[(u64, u64)]) -> Vec<(u128, u128)> {
    let outcome = simulate(&requests(trace), &options(policy, servers, 2)).unwrap();
    outcome.times.iter().map(|times| (times.start.as_micros(), times.end.as_micros())).collect()
}

#[test]
fn a_request_alone_has_all_slots_but_for_the_time_of_the_answer() {
    // 500 µs alone, and what is left by two.
    assert_eq!(times("occamy", 1, &[(0, 100)]), [(0, 50_250)]);
    assert_eq!(times("pool", 1, &[(0, 100)]), [(0, 100_000)]);
    assert_eq!(times("queue", 1, &[(0, 100)]), [(0, 50_000)]);
}

#[test]
fn a_second_request_waits_for_one_stop_or_for_the_whole_first() {
    // Of the first 80,500 µs are left, and 125 come back. The second ends on its own at 21,000, with 70,625 left.
    assert_eq!(times("occamy", 1, &[(0, 100), (10, 10)])[1], (11_000, 21_000));
    assert_eq!(times("pool", 1, &[(0, 100), (10, 10)]), [(0, 100_000), (10_000, 20_000)]);
    // The second has both workers at 50 ms.
    assert_eq!(times("queue", 1, &[(0, 100), (10, 10)]), [(0, 50_000), (50_000, 55_000)]);
}

#[test]
fn what_an_evicted_assistant_had_begun_is_counted_and_done_again() {
    let outcome = simulate(&requests(&[(0, 100), (10, 10)]), &options("occamy", 1, 2)).unwrap();
    assert_eq!(outcome.at_end.thrown, Duration::from_micros(125));
    let busy = outcome.times[0].end;
    assert_eq!(outcome.at_end.of_servers, busy * 2);
    // All that was not useful: the first answer, a stop, the answer after the second request's end, and what was thrown.
    let idle = Duration::from_micros(500 + 1_000 + 500 + 125);
    assert_eq!(busy * 2, Duration::from_millis(110) + idle);
}

#[test]
fn no_more_requests_run_than_there_are_slots() {
    let all_at_once = [(0, 10), (0, 10), (0, 10)];
    for policy in ["occamy", "pool"] {
        let starts: Vec<u128> = times(policy, 1, &all_at_once).iter().map(|times| times.0).collect();
        assert_eq!(starts, [0, 0, 10_000], "{policy}");
    }
}

#[test]
fn the_broker_takes_turns_or_prefers_who_has_an_empty_slot() {
    // When the last comes the second still runs, everywhere on its server, and the other server is idle.
    let trace = requests(&[(0, 10), (1, 200), (40, 10), (60, 10)]);
    let last_start = |empty_first| {
        let outcome = simulate(&trace, &Options { empty_first, ..options("occamy", 2, 2) }).unwrap();
        outcome.times[3].start.as_millis()
    };
    assert_eq!(last_start(false), 61, "it is the busy one's turn");
    assert_eq!(last_start(true), 60);
}

#[test]
fn a_fleet_ends_every_request_the_same_way_each_time() {
    for policy in ["occamy", "pool", "queue"] {
        let options = options(policy, 5, 8);
        let trace = options.trace.trace(40).unwrap();
        let (one, other) = (simulate(&trace, &options).unwrap(), simulate(&trace, &options).unwrap());
        assert_eq!(one, other, "{policy}");
        let bound = Bound::of(&trace, 40, 8);
        let completions = times_of::completions(&one.times);
        assert!(completions.iter().zip(&bound.alone).all(|(took, least)| took >= least), "{policy}");
        assert!(times_of::mean(&completions) >= bound.mean_completion, "{policy}");
        let work: Duration = trace.iter().map(|request| request.work).sum();
        assert_eq!(one.at_end.useful, work, "{policy}");
        for time in [one.at_last_arrival, one.at_end] {
            assert!(time.of_servers >= time.useful && time.of_fleet >= time.useful, "{policy}");
        }
    }
}
