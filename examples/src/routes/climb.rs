//! One searcher: local search from one start after the other, keeping the best tour of all.

use std::sync::Arc;

use fastrand::Rng;

use crate::tsp::{Problem, Search, Tour, nearest_neighbour_tour};

/// Rounds between two looks at the stop: some tens of microseconds each for a few hundred cities.
const ROUNDS: u32 = 10;

/// A search that has not improved in so many steps starts anew elsewhere: about a second for a few hundred cities, after
/// which little more can be expected of it.
const PATIENCE: u32 = 25_000;

/// Searches, from start to start.
pub(super) struct Climb {
    search: Search,
    best: (Tour, i64),
    stale: u32,
    rng: Rng,
}

impl Climb {
    pub(super) fn new(problem: &Arc<Problem>, seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let search = start(problem, &mut rng);
        let best = tour_of(&search);
        Self { search, best, stale: 0, rng }
    }

    /// Searches a little further. True if that made for a new best.
    pub(super) fn step(&mut self) -> bool {
        if self.search.step(ROUNDS).is_some() {
            self.stale = 0;
        } else {
            self.stale += 1;
        }
        let improved = self.search.best().1 < self.best.1;
        if improved {
            self.best = tour_of(&self.search);
        }
        if self.stale > PATIENCE {
            let problem = Arc::clone(self.search.problem());
            self.search = start(&problem, &mut self.rng);
            self.stale = 0;
        }
        improved
    }

    /// Takes over a tour found elsewhere, if it is better. True then.
    pub(super) fn adopt(&mut self, tour: Tour) -> bool {
        let length = self.search.problem().length(tour.cities());
        let better = length < self.best.1;
        if better {
            // The search tries to improve it further; should it turn out worse, the best is kept all the same.
            let _ = self.search.adopt(&tour);
            self.best = (tour, length);
            self.stale = 0;
        }
        better
    }

    /// The best tour, and its length.
    pub(super) fn best(&self) -> (&Tour, i64) {
        (&self.best.0, self.best.1)
    }
}

fn start(problem: &Arc<Problem>, rng: &mut Rng) -> Search {
    let cities = u32::try_from(problem.dimension()).expect("the reader bounds the number of cities");
    let tour = nearest_neighbour_tour(problem, rng.u32(..cities));
    Search::new(Arc::clone(problem), &tour, rng.u64(..)).expect("the tour was made for this problem")
}

fn tour_of(search: &Search) -> (Tour, i64) {
    let (cities, length) = search.best();
    (Tour::new(cities.to_vec()).expect("a search keeps a tour a tour"), length)
}
