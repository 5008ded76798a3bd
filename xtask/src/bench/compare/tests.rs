//! From outputs to rows.

use super::*;
use crate::bench::programs::{Output, Run};

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
    Turn { ours: run(ours), peer: peer.map(run) }
}

fn case(label: &str, targets: Vec<Target>) -> Case {
    let measure = Measure { targets, ..Measure::figure("each", "each", Unit::Nanoseconds) };
    Case::new(label, "nothing").measure(measure)
}

fn compare(cases: Vec<Case>, runs: &[Vec<Turn>]) -> Compared {
    Compared::new(&Benchmark { number: "B0", title: "test", cases }, runs, &machine()).unwrap()
}

#[test]
fn ratios_are_of_the_same_turn() {
    let runs = [vec![turn(10.0, Some(20.0)), turn(100.0, Some(200.0)), turn(1.0, Some(2.0))]];
    let compared = compare(vec![case("a", vec![Target::Ratio(0.5), Target::Ratio(0.01)])], &runs);
    let row = &compared.rows[0];
    assert_eq!(row.ratio, Some(Spread { low: 0.5, median: 0.5, high: 0.5 }));
    assert!(!row.noisy, "the ratio is steady though the figures are not");
    let aims: Vec<_> = row.aims.iter().map(|aim| (aim.target.as_str(), aim.met)).collect();
    assert_eq!(aims, [("≤ 0.5 × Go", Some(true)), ("≤ 1/100 × Go", Some(false))]);
}

#[test]
fn a_turn_that_the_peer_failed_at_has_no_ratio() {
    let runs = [vec![turn(10.0, Some(20.0)), turn(100.0, None), turn(1.0, Some(2.0))]];
    let row = &compare(vec![case("a", Vec::new())], &runs).rows[0];
    assert_eq!(row.ratio, Some(Spread { low: 0.5, median: 0.5, high: 0.5 }));
    assert_eq!(row.ours.median, 10.0);
}

#[test]
fn without_a_peer_only_targets_of_our_own_are_judged() {
    let own = Target::OfOwn(1.3, "a".to_owned());
    let cases = vec![case("a", vec![Target::Ratio(0.5)]), case("b", vec![own, Target::AtMost(2000.0)])];
    let compared = compare(cases, &[vec![turn(1000.0, None)], vec![turn(1400.0, None)]]);
    let met = |row: usize| compared.rows[row].aims.iter().map(|aim| aim.met).collect::<Vec<_>>();
    assert_eq!(met(0), [None]);
    assert_eq!(met(1), [Some(false), Some(true)]);
    assert_eq!(compared.rows[1].aims[1].target, "≤ 2.00 µs");
}

#[test]
fn ratios_that_lie_apart_are_noise() {
    let runs = [vec![turn(1.0, Some(1.0)), turn(2.0, Some(1.0))]];
    assert!(compare(vec![case("a", Vec::new())], &runs).rows[0].noisy);
    let steady = Spread { low: 1.0, median: 1.0, high: 1.0 };
    assert!(is_noisy(steady, &[true, true, false]));
    assert!(!is_noisy(steady, &[true, false]));
}
