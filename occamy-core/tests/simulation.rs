//! Plays the seeds that failed once, and a modest number of others. `cargo xtask sim` plays many more.
//!
//! `OCCAMY_SIM_SEEDS` and `OCCAMY_SIM_STEPS` change how many, and how far each goes.

use occamy_core::sim;

#[test]
fn no_seed_breaks_a_rule() {
    let seeds = setting("OCCAMY_SIM_SEEDS", 200);
    let steps = setting("OCCAMY_SIM_STEPS", 2_000);
    for seed in sim::past_seeds().chain(0..seeds) {
        if let Err(failure) = sim::run(seed, steps) {
            panic!("{failure}");
        }
    }
}

#[test]
fn a_seed_replays_exactly() {
    let play =
        || sim::run(42, 1_000).map(|report| (report.steps, report.coverage.iter().collect::<Vec<_>>()));
    assert_eq!(play().unwrap(), play().unwrap());
}

#[expect(clippy::disallowed_methods, reason = "a test is configured by its environment; core is not")]
fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(value) => value.parse().unwrap_or_else(|_| panic!("{name} must be a number, not {value:?}")),
        Err(_) => default,
    }
}
