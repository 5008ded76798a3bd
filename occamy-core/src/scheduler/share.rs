//! Shares: how much a family has, for its weight.

use std::cmp::Ordering;
use std::num::NonZeroU32;

/// Assistants over weight, compared exactly.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    pub(super) load: usize,
    pub(super) weight: NonZeroU32,
}

impl Share {
    /// The share with one assistant more.
    pub(super) fn and_one(self) -> Self {
        Self { load: self.load + 1, ..self }
    }
}

impl Ord for Share {
    fn cmp(&self, other: &Self) -> Ordering {
        // a/b < c/d exactly if ad < cb. Loads are below 2^21 and weights below 2^32, so u64 holds the products.
        let product = |load: usize, weight: NonZeroU32| load as u64 * u64::from(weight.get());
        product(self.load, other.weight).cmp(&product(other.load, self.weight))
    }
}

impl PartialOrd for Share {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Equal as fractions, so that the order stays consistent: 1/2 is 2/4.
impl PartialEq for Share {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Share {}

/// Divides `spare` slots among families whose shares rise: the poorest are brought up to one common level, rounded up,
/// until nothing is left. The answer has an entry, of at least 1, for each of the first few.
///
/// The level is that of the `spare` poorest: no more families than that can get anything, and looking at no more keeps
/// the cost at one step a slot. Where weights differ it is a choice, too. Of two slots for five equally poor families, one
/// with weight 3, that one gets both; the level of all five, lower, would leave one to the next.
pub(super) fn divide(spare: usize, poorest_first: impl Iterator<Item = Share>) -> Vec<usize> {
    let mut chosen: Vec<Share> = Vec::new();
    let (mut load, mut weight) = (spare as u128, 0_u128);
    for share in poorest_first.take(spare) {
        let below_level =
            chosen.is_empty() || share.load as u128 * weight < load * u128::from(share.weight.get());
        if !below_level {
            break;
        }
        load += share.load as u128;
        weight += u128::from(share.weight.get());
        chosen.push(share);
    }
    let mut left = spare;
    let mut parts = Vec::with_capacity(chosen.len());
    for share in chosen {
        let level = (load * u128::from(share.weight.get())).div_ceil(weight);
        let part = usize::try_from(level).map_or(left, |level| level.saturating_sub(share.load)).min(left);
        if part == 0 {
            break;
        }
        left -= part;
        parts.push(part);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(load: usize, weight: u32) -> Share {
        Share { load, weight: NonZeroU32::new(weight).expect("weights in tests are not zero") }
    }

    #[test]
    fn shares_compare_as_fractions() {
        assert!(share(1, 3) < share(1, 2));
        assert_eq!(share(1, 2), share(2, 4));
        assert!(share(usize::MAX >> 44, 1) > share(usize::MAX >> 44, u32::MAX));
    }

    #[test]
    fn a_lone_family_gets_everything() {
        assert_eq!(divide(7, [share(3, 2)].into_iter()), [7]);
    }

    #[test]
    fn equals_get_equal_parts_rounded_up() {
        assert_eq!(divide(12, [share(0, 1); 4].into_iter()), [3, 3, 3, 3]);
        assert_eq!(divide(10, [share(0, 1); 4].into_iter()), [3, 3, 3, 1]);
        assert_eq!(divide(2, [share(0, 1); 4].into_iter()), [1, 1]);
    }

    #[test]
    fn the_poor_catch_up_before_the_rich_get_more() {
        assert_eq!(divide(4, [share(0, 1), share(0, 1), share(8, 1)].into_iter()), [2, 2]);
        assert_eq!(divide(9, [share(0, 1), share(3, 1)].into_iter()), [6, 3]);
    }

    #[test]
    fn a_weight_of_two_gets_twice_as_much() {
        assert_eq!(divide(9, [share(0, 2), share(0, 1)].into_iter()), [6, 3]);
    }

    #[test]
    fn no_more_families_than_slots_have_a_part_in_the_level() {
        let families = [3, 1, 1, 1, 1].map(|weight| share(0, weight));
        assert_eq!(divide(2, families.into_iter()), [2]);
    }

    #[test]
    fn nothing_is_divided_among_nobody_and_nobody_gets_nothing() {
        assert!(divide(0, [share(0, 1)].into_iter()).is_empty());
        assert!(divide(5, std::iter::empty()).is_empty());
    }
}
