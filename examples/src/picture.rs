//! Pictures as SVG: a tour on its map, and what the slots of servers did over time.

mod slots;
mod style;
mod tour;

pub use slots::{Lane, Span, slots_svg};
pub use tour::tour_svg;

use plotters::drawing::DrawingAreaErrorKind;

/// A picture could not be drawn.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PictureError {
    /// The tour has another number of cities than the instance.
    #[error("the tour has {cities} cities, the instance {dimension}; give a tour of the same instance")]
    WrongInstance {
        /// The cities of the tour.
        cities: usize,
        /// The cities of the instance.
        dimension: usize,
    },
    /// The drawing library failed.
    #[error("the picture could not be drawn: {0}; this is a fault of the program, please report it")]
    Draw(String),
}

impl<E: std::error::Error + Send + Sync> From<DrawingAreaErrorKind<E>> for PictureError {
    fn from(error: DrawingAreaErrorKind<E>) -> Self {
        Self::Draw(error.to_string())
    }
}
