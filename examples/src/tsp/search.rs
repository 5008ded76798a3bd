//! The search: iterated local search with 2-opt and Or-opt, in steps short enough to stop at any time.

use std::sync::Arc;

use fastrand::Rng;

use super::array_tour::ArrayTour;
use super::moves::{Dirty, descend};
use super::{Problem, Tour};

/// How many cities a round looks at while the tour it was given is not yet a local optimum.
const DESCENT_SLICE: usize = 4;

/// The longest of the two stretches that a perturbation swaps, in cities. Bounded, they keep the damage local: it is
/// repaired, or undone, in a time that hardly grows with the tour. With 10 the search gets stuck early.
const MAX_STRETCH: usize = 100;

/// Improves a tour, a few rounds at a time.
///
/// First a descent: 2-opt and Or-opt among the nearest neighbours of each city, until no such move shortens the tour.
/// Then rounds of perturbation: two short neighbouring stretches at a random place swap (a local double bridge), the
/// descent repairs what that touched, and the result is kept if it is no longer than before, else undone from a
/// journal. So the tour never gets longer.
///
/// The same problem, start, seed and calls give the same tours.
#[derive(Debug, Clone)]
pub struct Search {
    problem: Arc<Problem>,
    tour: ArrayTour,
    length: i64,
    /// Empty between rounds once the descent is done.
    dirty: Dirty,
    rng: Rng,
}

/// A tour got shorter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Improvement {
    /// Its length now, in the unit of the instance.
    pub length: i64,
    /// By how much it got shorter, above 0.
    pub saved: i64,
}

impl Search {
    /// A search that starts from a tour.
    ///
    /// # Errors
    ///
    /// If the tour is not one of this problem.
    pub fn new(problem: Arc<Problem>, start: &Tour, seed: u64) -> Result<Self, WrongProblem> {
        let length = checked_length(&problem, start)?;
        let tour = ArrayTour::new(start);
        let dirty = Dirty::all(tour.cities());
        Ok(Self { problem, tour, length, dirty, rng: Rng::with_seed(seed) })
    }

    /// Searches for so many rounds. Returns the improvement over all of them, if any.
    ///
    /// A round takes some microseconds for a thousand cities, some tens where geographical distances are not in a
    /// table (beyond 2,500 cities): calls of ten to fifty rounds notice a stop well within a millisecond.
    pub fn step(&mut self, rounds: u32) -> Option<Improvement> {
        let before = self.length;
        for _ in 0..rounds {
            if self.dirty.is_empty() {
                self.perturb();
            } else {
                self.length -= descend(&self.problem, &mut self.tour, &mut self.dirty, DESCENT_SLICE);
                self.tour.keep();
            }
        }
        let saved = before - self.length;
        (saved > 0).then_some(Improvement { length: self.length, saved })
    }

    /// The best tour so far, as cities in order, and its length in the unit of the instance.
    pub fn best(&self) -> (&[u32], i64) {
        (self.tour.cities(), self.length)
    }

    /// The problem searched.
    pub fn problem(&self) -> &Arc<Problem> {
        &self.problem
    }

    /// Goes on from a tour found elsewhere, if it is shorter than the best so far; returns whether it is.
    ///
    /// # Errors
    ///
    /// If the tour is not one of this problem.
    pub fn adopt(&mut self, tour: &Tour) -> Result<bool, WrongProblem> {
        let length = checked_length(&self.problem, tour)?;
        if length >= self.length {
            return Ok(false);
        }
        self.tour = ArrayTour::new(tour);
        self.length = length;
        self.dirty = Dirty::all(self.tour.cities());
        Ok(true)
    }

    /// One round: disturb, repair, keep or undo.
    fn perturb(&mut self) {
        self.tour.keep();
        let Some(mut change) = self.swap_stretches() else { return };
        change -= descend(&self.problem, &mut self.tour, &mut self.dirty, usize::MAX);
        if change <= 0 {
            self.length += change;
        } else {
            self.tour.undo();
        }
    }

    /// Swaps two neighbouring stretches at a random place. Returns how much longer that makes the tour, or `None` if
    /// the tour is too short for it.
    fn swap_stretches(&mut self) -> Option<i64> {
        let dimension = self.tour.dimension();
        if dimension < 5 {
            return None;
        }
        // The two cities around the stretches stay where they are.
        let longest = MAX_STRETCH.min((dimension - 2) / 2);
        let start = self.rng.usize(..dimension);
        let (first, second) = (self.rng.usize(1..=longest), self.rng.usize(1..=longest));
        let city = |offset: usize| self.tour.cities()[(start + offset) % dimension];
        let (a, b, c) = (city(0), city(1), city(first));
        let (d, e, f) = (city(first + 1), city(first + second), city(first + second + 1));
        // a [b..c] [d..e] f becomes a [d..e] [b..c] f: turn both together, then each.
        self.tour.exchange(a, b, e, f);
        self.tour.exchange(a, e, d, c);
        self.tour.exchange(e, c, b, f);
        for city in [a, b, c, d, e, f] {
            self.dirty.push(city);
        }
        let distance = |a, b| i64::from(self.problem.distance(a, b));
        Some(
            distance(a, d) + distance(e, b) + distance(c, f)
                - distance(a, b)
                - distance(c, d)
                - distance(e, f),
        )
    }
}

/// A tour of another problem, by its number of cities.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the tour has {cities} cities, the problem {dimension}; give a tour of the same problem")]
pub struct WrongProblem {
    /// The cities of the tour.
    pub cities: usize,
    /// The cities of the problem.
    pub dimension: usize,
}

fn checked_length(problem: &Problem, tour: &Tour) -> Result<i64, WrongProblem> {
    let (cities, dimension) = (tour.cities().len(), problem.dimension());
    if cities != dimension {
        return Err(WrongProblem { cities, dimension });
    }
    Ok(problem.length(tour.cities()))
}

#[cfg(test)]
mod tests;
