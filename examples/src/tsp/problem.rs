//! An instance made ready for the search: fast distances and the nearest neighbours of each city.

use super::neighbours::{Neighbour, Neighbours};
use super::{Instance, Metric, Point};

/// Up to this many cities all distances are computed once: 25 MB at most.
const MAX_TABLE_CITIES: usize = 2_500;

/// An instance with what the search needs of it, computed once and shared by every [`Search`](super::Search).
#[derive(Debug)]
pub struct Problem {
    instance: Instance,
    distances: Distances,
    neighbours: Neighbours,
}

impl Problem {
    /// Prepares an instance: some milliseconds for a thousand cities, below a second for 20,000.
    pub fn new(instance: Instance) -> Self {
        Self::new_unless(instance, || false).expect("nothing stops it")
    }

    /// Prepares an instance as [`new`](Self::new), but gives up with `None` soon after `stopped` returns true. It is
    /// asked once a city.
    pub fn new_unless(instance: Instance, mut stopped: impl FnMut() -> bool) -> Option<Self> {
        let distances = Distances::new(&instance, &mut stopped)?;
        let neighbours = Neighbours::find(&instance, &mut stopped)?;
        Some(Self { instance, distances, neighbours })
    }

    /// The instance.
    pub fn instance(&self) -> &Instance {
        &self.instance
    }

    /// How many cities there are, at least 1.
    pub fn dimension(&self) -> usize {
        self.instance.dimension()
    }

    /// The distance between two cities, in the unit of the instance.
    ///
    /// # Panics
    ///
    /// If a city is not below the dimension.
    #[inline]
    pub fn distance(&self, a: u32, b: u32) -> i32 {
        self.distances.between(a as usize, b as usize)
    }

    /// The length of the closed tour through these cities, in the unit of the instance.
    ///
    /// # Panics
    ///
    /// If a city is not below the dimension.
    pub fn length(&self, tour: &[u32]) -> i64 {
        let following = tour.iter().cycle().skip(1);
        tour.iter().zip(following).map(|(&a, &b)| i64::from(self.distance(a, b))).sum()
    }

    /// The nearest cities of a city, nearest first.
    pub(crate) fn neighbours(&self, city: u32) -> &[Neighbour] {
        self.neighbours.of(city)
    }
}

#[derive(Debug)]
enum Distances {
    /// All of them, row by row.
    Table { dimension: usize, entries: Vec<i32> },
    /// Measured whenever asked for.
    Points { metric: Metric, measurable: Vec<Point> },
}

impl Distances {
    fn new(instance: &Instance, stopped: &mut dyn FnMut() -> bool) -> Option<Self> {
        let dimension = instance.dimension();
        let metric = instance.metric();
        if let Some(points) = instance.points()
            && metric != Metric::Explicit
            && dimension > MAX_TABLE_CITIES
        {
            let measurable = points.iter().map(|&point| metric.measurable(point)).collect();
            return Some(Self::Points { metric, measurable });
        }
        let mut entries = Vec::with_capacity(dimension * dimension);
        for city in 0..dimension as u32 {
            if stopped() {
                return None;
            }
            entries.extend((0..dimension as u32).map(|other| instance.distance(city, other)));
        }
        Some(Self::Table { dimension, entries })
    }

    #[inline]
    fn between(&self, a: usize, b: usize) -> i32 {
        match self {
            Self::Table { dimension, entries } => entries[a * dimension + b],
            Self::Points { .. } if a == b => 0,
            Self::Points { metric, measurable } => metric.between(measurable[a], measurable[b]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tsp::test_support::random_instance;

    #[test]
    fn distances_are_the_instance_s_with_a_table_and_without() {
        let mut rng = fastrand::Rng::with_seed(4);
        for (dimension, metric) in [(30, "GEO"), (30, "EXPLICIT"), (2_501, "ATT"), (2_501, "GEO")] {
            let problem = Problem::new(random_instance(&mut rng, dimension, metric));
            for _ in 0..500 {
                let (a, b) = (rng.u32(..dimension as u32), rng.u32(..dimension as u32));
                assert_eq!(problem.distance(a, b), problem.instance().distance(a, b));
                assert_eq!(problem.distance(a, a), 0);
            }
            let all: Vec<u32> = (0..dimension as u32).collect();
            assert_eq!(problem.length(&all), problem.instance().length(&all));
        }
    }

    #[test]
    fn preparing_stops_soon_after_it_is_told_to() {
        let mut rng = fastrand::Rng::with_seed(4);
        let mut asked = 0;
        let stopped = || {
            asked += 1;
            asked > 150
        };
        // A hundred times for the table, then for the neighbours.
        assert!(Problem::new_unless(random_instance(&mut rng, 100, "EUC_2D"), stopped).is_none());
        assert_eq!(asked, 151);
    }
}
