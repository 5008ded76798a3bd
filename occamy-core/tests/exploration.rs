//! Explores one small setup exhaustively. `cargo xtask explore` does all of them.

use occamy_core::sim::{self, Reached, Setup};

#[test]
fn no_interleaving_breaks_a_rule() {
    match sim::explore(&Setup::small()) {
        Ok(explored) => {
            assert!(
                explored.states > 1_000,
                "only {} states: something can't happen any more",
                explored.states
            );
            for what in [
                Reached::Eviction,
                Reached::Leftover,
                Reached::Wedge,
                Reached::WedgeEnded,
                Reached::SecondShutdown,
            ] {
                assert!(explored.coverage.count(what) > 0, "never reached: {}", what.as_str());
            }
        }
        Err(failure) => panic!("{failure}"),
    }
}
