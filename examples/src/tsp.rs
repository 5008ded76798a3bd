//! The travelling salesman problem: instances, tours, a search that improves them, and pictures.

mod metric;
mod optima;
mod tour;
pub mod tsplib;

pub use metric::{Metric, Point};
pub use optima::{gap_percent, known_optimum};
pub use tour::{DecodeError, Tour, TourError};
pub use tsplib::{Instance, ReadError};
