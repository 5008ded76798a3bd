//! A tour in an array with the position of each city, changed by reversing stretches, with a journal to undo them.

use super::Tour;

/// The tour under work. Every change is a reversal of some positions, and a reversal undoes itself: the journal of
/// reversals, replayed backwards, restores the array exactly.
#[derive(Debug, Clone)]
pub(crate) struct ArrayTour {
    order: Vec<u32>,
    position: Vec<u32>,
    journal: Vec<(u32, u32)>,
}

impl ArrayTour {
    pub(crate) fn new(tour: &Tour) -> Self {
        let order = tour.cities().to_vec();
        let mut position = vec![0; order.len()];
        for (&city, at) in order.iter().zip(0..) {
            position[city as usize] = at;
        }
        Self { order, position, journal: Vec::new() }
    }

    pub(crate) fn cities(&self) -> &[u32] {
        &self.order
    }

    pub(crate) fn dimension(&self) -> usize {
        self.order.len()
    }

    #[inline]
    pub(crate) fn next(&self, city: u32) -> u32 {
        let after = self.position[city as usize] as usize + 1;
        self.order[if after == self.order.len() { 0 } else { after }]
    }

    #[inline]
    pub(crate) fn previous(&self, city: u32) -> u32 {
        let at = self.position[city as usize] as usize;
        self.order[if at == 0 { self.order.len() } else { at } - 1]
    }

    /// Replaces the edges a–b and c–d by a–c and b–d: a 2-opt move.
    ///
    /// In one direction of the tour b must follow a, and d must follow c.
    pub(crate) fn exchange(&mut self, a: u32, b: u32, c: u32, d: u32) {
        if self.next(a) == b {
            debug_assert_eq!(self.next(c), d);
            self.reverse_path(b, c);
        } else {
            debug_assert_eq!((self.previous(a), self.previous(c)), (b, d));
            self.reverse_path(a, d);
        }
    }

    /// From here on changes can be undone.
    pub(crate) fn keep(&mut self) {
        self.journal.clear();
    }

    /// Takes back every change since [`keep`](Self::keep).
    pub(crate) fn undo(&mut self) {
        while let Some((from, to)) = self.journal.pop() {
            self.reverse_positions(from as usize, to as usize);
        }
    }

    /// Reverses the path from one city on to another, or the rest of the tour if that is shorter: both leave the same
    /// closed tour.
    fn reverse_path(&mut self, from: u32, to: u32) {
        let dimension = self.order.len();
        let (mut first, mut last) = (self.position[from as usize], self.position[to as usize]);
        if path_length(dimension, first as usize, last as usize) * 2 > dimension {
            let end = dimension as u32 - 1;
            (first, last) =
                (if last == end { 0 } else { last + 1 }, if first == 0 { end } else { first - 1 });
        }
        self.reverse_positions(first as usize, last as usize);
        self.journal.push((first, last));
    }

    /// Reverses the stretch between two positions, which may run over the end of the array.
    fn reverse_positions(&mut self, mut first: usize, mut last: usize) {
        let dimension = self.order.len();
        for _ in 0..path_length(dimension, first, last) / 2 {
            self.order.swap(first, last);
            self.position[self.order[first] as usize] = first as u32;
            self.position[self.order[last] as usize] = last as u32;
            first = if first + 1 == dimension { 0 } else { first + 1 };
            last = if last == 0 { dimension } else { last } - 1;
        }
    }
}

/// How many positions a stretch holds, both ends included.
fn path_length(dimension: usize, first: usize, last: usize) -> usize {
    if first <= last { last - first + 1 } else { last + dimension - first + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A random 2-opt move, in either direction of the tour.
    fn disturb(tour: &mut ArrayTour, rng: &mut fastrand::Rng) {
        let dimension = tour.dimension() as u32;
        let (a, c) = (rng.u32(..dimension), rng.u32(..dimension));
        if rng.bool() {
            tour.exchange(a, tour.next(a), c, tour.next(c));
        } else {
            tour.exchange(a, tour.previous(a), c, tour.previous(c));
        }
    }

    fn assert_consistent(tour: &ArrayTour) {
        assert!(Tour::new(tour.cities().to_vec()).is_ok());
        for &city in tour.cities() {
            assert_eq!(tour.order[tour.position[city as usize] as usize], city);
            assert_eq!(tour.previous(tour.next(city)), city);
        }
    }

    #[test]
    fn an_exchange_replaces_exactly_two_edges() {
        let mut tour = ArrayTour::new(&Tour::new((0..8).collect()).unwrap());
        tour.exchange(1, 2, 5, 6);
        assert_consistent(&tour);
        let joined = |a, b| tour.next(a) == b || tour.previous(a) == b;
        assert!(joined(1, 5) && joined(2, 6));
        for (a, b) in [(0, 1), (2, 3), (3, 4), (4, 5), (6, 7), (7, 0)] {
            assert!(joined(a, b), "{a}–{b}");
        }
    }

    #[test]
    fn undo_restores_exactly_what_was_kept() {
        let mut rng = fastrand::Rng::with_seed(5);
        for dimension in (4..40).chain([200]) {
            let mut tour = ArrayTour::new(&Tour::new((0..dimension).collect()).unwrap());
            for _ in 0..20 {
                tour.keep();
                let kept = tour.clone();
                for _ in 0..rng.usize(0..12) {
                    disturb(&mut tour, &mut rng);
                    assert_consistent(&tour);
                }
                if rng.bool() {
                    tour.undo();
                    assert_eq!((&tour.order, &tour.position), (&kept.order, &kept.position));
                }
            }
        }
    }
}
