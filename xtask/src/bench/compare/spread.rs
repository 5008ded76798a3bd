//! How far the figures of the turns lie apart.

use serde::Serialize;

/// Median and quartiles: figures that were measured, by the nearest rank; a median between two is their mean.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(in crate::bench) struct Spread {
    pub(in crate::bench) low: f64,
    pub(in crate::bench) median: f64,
    pub(in crate::bench) high: f64,
}

impl Spread {
    /// `None` of nothing.
    pub(super) fn of(figures: &[f64]) -> Option<Self> {
        let mut figures = figures.to_vec();
        figures.sort_by(f64::total_cmp);
        let count = figures.len();
        let last = count.checked_sub(1)?;
        let median = f64::midpoint(figures[last / 2], figures[count / 2]);
        // As far from either end.
        let quarter = last / 4;
        Some(Self { low: figures[quarter], median, high: figures[last - quarter] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_leave_out_a_quarter_at_either_end() {
        let spread = |figures: &[f64]| Spread::of(figures).map(|it| (it.low, it.median, it.high));
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[3.0]), Some((3.0, 3.0, 3.0)));
        assert_eq!(spread(&[4.0, 2.0]), Some((2.0, 3.0, 4.0)));
        assert_eq!(spread(&[9.0, 1.0, 4.0, 3.0, 2.0]), Some((2.0, 3.0, 4.0)));
    }
}
