//! The nearest neighbours of every city: the search looks for better edges only among them.

use rstar::RTree;
use rstar::primitives::GeomWithData;

use super::{Instance, Metric, Point};

/// How many neighbours each city has, if there are as many others. Eight to ten is customary for 2-opt and Or-opt
/// (D. S. Johnson, L. A. McGeoch, *The Traveling Salesman Problem: A Case Study in Local Optimization*, 1997).
const NEIGHBOURS: usize = 10;

/// A city near another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Neighbour {
    /// How far it is from the other, kept here to spare a look into the distance table.
    pub(crate) distance: i32,
    pub(crate) city: u32,
}

/// The neighbours of all cities, nearest first.
#[derive(Debug)]
pub(crate) struct Neighbours {
    /// City after city, `each` of them.
    flat: Vec<Neighbour>,
    each: usize,
}

impl Neighbours {
    /// Finds them, or gives up with `None` once `stopped` says so.
    pub(crate) fn find(instance: &Instance, stopped: &mut dyn FnMut() -> bool) -> Option<Self> {
        let each = NEIGHBOURS.min(instance.dimension() - 1);
        let mut flat = Vec::with_capacity(each * instance.dimension());
        let tree = match (instance.metric(), instance.points()) {
            (Metric::Explicit, _) | (_, None) => None,
            (metric, Some(points)) => Some(Tree::new(metric, points)),
        };
        for city in 0..instance.dimension() as u32 {
            if stopped() {
                return None;
            }
            let nearest = match &tree {
                Some(tree) => tree.nearest(city, each),
                None => nearest_by_table(instance, city, each),
            };
            let start = flat.len();
            let neighbour = |other| Neighbour { distance: instance.distance(city, other), city: other };
            flat.extend(nearest.into_iter().map(neighbour));
            // By the rounded distance: the search stops at the first neighbour that is too far.
            flat[start..].sort_unstable();
        }
        Some(Self { flat, each })
    }

    /// The neighbours of a city, nearest first.
    pub(crate) fn of(&self, city: u32) -> &[Neighbour] {
        let start = city as usize * self.each;
        &self.flat[start..start + self.each]
    }
}

/// The cities in space: on a plane, or on the unit sphere, where a chord grows with the distance on the surface.
struct Tree {
    places: Vec<[f64; 3]>,
    index: RTree<GeomWithData<[f64; 3], u32>>,
}

impl Tree {
    fn new(metric: Metric, points: &[Point]) -> Self {
        let places: Vec<_> = points.iter().map(|&point| place(metric, point)).collect();
        let entries = places.iter().zip(0..).map(|(&place, city)| GeomWithData::new(place, city));
        Self { index: RTree::bulk_load(entries.collect()), places }
    }

    fn nearest(&self, city: u32, count: usize) -> Vec<u32> {
        let others = self.index.nearest_neighbor_iter(self.places[city as usize]).map(|entry| entry.data);
        others.filter(|&other| other != city).take(count).collect()
    }
}

fn place(metric: Metric, point: Point) -> [f64; 3] {
    let Point { x, y } = metric.measurable(point);
    match metric {
        Metric::Geo => [x.cos() * y.cos(), x.cos() * y.sin(), x.sin()],
        _ => [x, y, 0.0],
    }
}

/// Explicit distances have no geometry, so every other city is looked at.
fn nearest_by_table(instance: &Instance, city: u32, count: usize) -> Vec<u32> {
    let mut others: Vec<u32> = (0..instance.dimension() as u32).filter(|&other| other != city).collect();
    let key = |&other: &u32| (instance.distance(city, other), other);
    if count < others.len() {
        others.select_nth_unstable_by_key(count, key);
        others.truncate(count);
    }
    others
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tsp::test_support::{random_instance, shipped};

    #[test]
    fn the_tree_finds_what_a_look_at_every_city_finds() {
        let mut rng = fastrand::Rng::with_seed(2);
        let metrics = ["EUC_2D", "CEIL_2D", "ATT", "GEO", "EXPLICIT"];
        let random = metrics.map(|metric| random_instance(&mut rng, 120, metric));
        for instance in random.into_iter().chain([shipped("gr666")]) {
            let neighbours = Neighbours::find(&instance, &mut || false).unwrap();
            for city in 0..instance.dimension() as u32 {
                let found: Vec<i32> = neighbours.of(city).iter().map(|near| near.distance).collect();
                let mut all: Vec<i32> = (0..instance.dimension() as u32)
                    .filter(|&other| other != city)
                    .map(|other| instance.distance(city, other))
                    .collect();
                all.sort_unstable();
                assert_eq!(found, all[..NEIGHBOURS], "{:?} city {city}", instance.metric());
            }
        }
    }

    #[test]
    fn few_cities_are_all_neighbours() {
        let mut rng = fastrand::Rng::with_seed(2);
        for dimension in 1..=11 {
            let instance = random_instance(&mut rng, dimension, "EUC_2D");
            let neighbours = Neighbours::find(&instance, &mut || false).unwrap();
            assert_eq!(neighbours.of(0).len(), dimension - 1);
        }
    }
}
