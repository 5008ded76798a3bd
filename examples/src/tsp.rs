//! The travelling salesman problem: instances, tours, a search that improves them, and pictures.

mod array_tour;
pub(crate) mod metric;
mod moves;
mod neighbours;
mod optima;

mod problem;
mod search;
mod start;
#[cfg(test)]
pub(crate) mod test_support;
mod tour;
pub mod tsplib;

pub use metric::{Metric, Point};
pub use optima::{gap_percent, known_optimum};
pub use problem::Problem;
pub use search::{Improvement, Search, WrongProblem};
pub use start::nearest_neighbour_tour;
pub use tour::{DecodeError, Tour, TourError};
pub use tsplib::{Instance, ReadError};
