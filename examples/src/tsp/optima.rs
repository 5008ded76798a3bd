//! The optima of well-known instances, to measure gaps against.

/// The length of an optimal tour of a TSPLIB instance by its name, if listed here.
///
/// Source: *Optimal solutions for symmetric TSPs* of TSPLIB
/// (<http://comopt.ifi.uni-heidelberg.de/software/TSPLIB95/STSP.html>).
pub fn known_optimum(name: &str) -> Option<i64> {
    OPTIMA.iter().find(|(known, _)| *known == name).map(|&(_, length)| length)
}

/// How far a length lies above the optimum, in per cent of the optimum.
pub fn gap_percent(length: i64, optimum: i64) -> f64 {
    100.0 * (length - optimum) as f64 / optimum as f64
}

const OPTIMA: [(&str, i64); 3] = [("att532", 27_686), ("gr666", 294_358), ("pcb442", 50_778)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_relative_to_the_optimum() {
        let optimum = known_optimum("pcb442").unwrap();
        assert_eq!(gap_percent(optimum, optimum), 0.0);
        assert!((gap_percent(optimum + 508, optimum) - 1.0).abs() < 0.01);
        assert_eq!(known_optimum("nowhere"), None);
    }
}
