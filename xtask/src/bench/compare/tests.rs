//! From outputs to rows.

use super::*;
use crate::bench::programs::{Output, Run};
use crate::bench::spec::Peer;

fn machine() -> Machine {
    let mut machine = Machine::look().unwrap();
    machine.spin();
    machine
}

fn turn(ours: f64, peer: Option<f64>) -> Turn {
    let run = |figure: f64| {
        let text = format!(r#"{{"figures": {{"each": {figure}}}, "samples": {{}}, "refused": 0}}"#);
        Run { output: serde_json::from_str::<Output>(&text).unwrap(), spin: 0.0 }
    };
    Turn { ours: run(ours), peers: vec![peer.map(run)] }
}

fn case(label: &str, targets: Vec<Target>) -> Case {
    let measure = Measure { targets, ..Measure::figure("each", "each", Unit::Nanoseconds) };
    Case::new(label, "nothing").peer(Peer::go_library("nothing")).measure(measure)
}

fn compare(cases: Vec<Case>, runs: &[Vec<Turn>]) -> Compared {
    Compared::new(&Benchmark { number: "B0", title: "test", counted: None, cases }, runs, &machine()).unwrap()
}

#[test]
fn ratios_are_of_the_same_turn() {
    let runs = [vec![turn(10.0, Some(20.0)), turn(100.0, Some(200.0)), turn(1.0, Some(2.0))]];
    let compared = compare(vec![case("a", vec![Target::times_go(0.5), Target::times_go(0.01)])], &runs);
    let row = &compared.rows[0];
    let beside = &compared.rows[0].peers[0];
    assert_eq!(beside.ratio, Some(Spread { low: 0.5, median: 0.5, high: 0.5 }));
    assert!(row.noisy && !beside.noisy, "the ratio is steady though the figures are not");
    let aims: Vec<_> = beside.aims.iter().map(|aim| (aim.target.as_str(), aim.met)).collect();
    assert_eq!(aims, [("≤ 0.5 × Go library", Some(true)), ("≤ 1/100 × Go library", Some(false))]);
}

#[test]
fn a_turn_that_the_peer_failed_at_has_no_ratio() {
    let runs = [vec![turn(10.0, Some(20.0)), turn(100.0, None), turn(1.0, Some(2.0))]];
    let row = &compare(vec![case("a", Vec::new())], &runs).rows[0];
    assert_eq!(row.peers[0].ratio, Some(Spread { low: 0.5, median: 0.5, high: 0.5 }));
    assert_eq!(row.ours.median, 10.0);
}

#[test]
fn without_a_peer_only_targets_of_our_own_are_judged() {
    let own = Target::OfOwn(1.3, "a".to_owned());
    let cases = vec![case("a", vec![Target::times_go(0.5)]), case("b", vec![own, Target::AtMost(2000.0)])];
    let compared = compare(cases, &[vec![turn(1000.0, None)], vec![turn(1400.0, None)]]);
    let met = |aims: &[Aim]| aims.iter().map(|aim| aim.met).collect::<Vec<_>>();
    assert_eq!(met(&compared.rows[0].peers[0].aims), [None]);
    assert_eq!(met(&compared.rows[1].aims), [Some(false), Some(true)]);
    assert_eq!(compared.rows[1].aims[1].target, "≤ 2.00 µs");
}

#[test]
fn a_rate_may_have_to_be_at_least_and_a_time_at_most_so_much_later() {
    let targets = vec![
        Target::AtLeastTimesPeer("Go library", 0.95),
        Target::AbovePeer("Go library", 1000.0),
        Target::AtLeast(3000.0),
    ];
    let row = &compare(vec![case("a", targets)], &[vec![turn(3000.0, Some(2000.0))]]).rows[0];
    let aims = row.peers[0].aims.iter().chain(&row.aims);
    let aims: Vec<_> = aims.map(|aim| (aim.target.as_str(), aim.met)).collect();
    let expected = ["≥ 0.95 × Go library", "≤ Go library + 1.00 µs", "≥ 3.00 µs"];
    assert_eq!(aims, expected.map(|target| (target, Some(true))));
}

#[test]
fn ratios_that_lie_apart_are_noise() {
    let runs = [vec![turn(1.0, Some(1.0)), turn(2.0, Some(1.0))]];
    assert!(compare(vec![case("a", Vec::new())], &runs).rows[0].peers[0].noisy);
    let steady = Spread { low: 1.0, median: 1.0, high: 1.0 };
    assert!(is_noisy(steady, &[true, true, false]));
    assert!(!is_noisy(steady, &[true, false]));
}

#[test]
fn what_is_the_same_in_every_turn_is_not_noisy_on_any_machine() {
    let disturbed = |ours: f64| {
        let mut turn = turn(ours, Some(2.0));
        let runs = turn.peers.iter_mut().flatten().chain([&mut turn.ours]);
        runs.for_each(|run| run.spin = f64::INFINITY);
        turn
    };
    let noisy = |turns: &[f64]| {
        let runs = [turns.iter().copied().map(disturbed).collect()];
        let compared = compare(vec![case("a", vec![])], &runs);
        [compared.rows[0].noisy, compared.rows[0].peers[0].noisy]
    };
    assert_eq!(noisy(&[1.0, 1.0]), [false, false]);
    assert_eq!(noisy(&[1.0, 1.01]), [true, true]);
    assert_eq!(noisy(&[1.0]), [true, true], "once says nothing");
}
