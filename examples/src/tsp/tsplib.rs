//! Reads instances and tours in the format of TSPLIB.
//!
//! The format is described in G. Reinelt, *TSPLIB 95* (<http://comopt.ifi.uni-heidelberg.de/software/TSPLIB95/>).
//! Symmetric instances with the weight types `EUC_2D`, `CEIL_2D`, `ATT`, `GEO` and `EXPLICIT` are supported; anything
//! else is refused with an error that names the line. No input makes the reader panic, and what it allocates is
//! bounded whatever a file claims.

mod cities;
mod error;
mod header;
mod lines;
#[cfg(test)]
mod tests;
mod weights;

use std::path::Path;
use std::str::FromStr;

pub use error::ReadError;
use header::{Entry, Header, Kind, once, unknown};
use lines::{Lines, read_text};

use super::{Metric, Point, Tour};

/// The largest instance accepted: above the 85,900 cities of TSPLIB's own largest.
pub const MAX_CITIES: usize = 100_000;

/// The largest instance with explicit distances, whose table grows with the square.
pub const MAX_EXPLICIT_CITIES: usize = 2_500;

/// A symmetric travelling salesman problem, as its file states it. Cities are numbered from 0 here.
#[derive(Debug, Clone)]
pub struct Instance {
    name: String,
    comment: String,
    dimension: usize,
    metric: Metric,
    /// One for each city, or none at all.
    points: Vec<Point>,
    /// The full matrix row by row for [`Metric::Explicit`], else empty.
    weights: Vec<i32>,
}

impl Instance {
    /// Reads an instance from a file.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or is no instance within the limits above.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, ReadError> {
        read_text(path.as_ref())?.parse()
    }

    /// The name the file gives, without control characters; empty if it gives none.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The comment the file gives, without control characters; empty if it gives none.
    pub fn comment(&self) -> &str {
        &self.comment
    }

    /// How many cities there are, at least 1.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// How distances are measured.
    pub fn metric(&self) -> Metric {
        self.metric
    }

    /// Where the cities lie, in their order, as in the file. `None` for explicit distances without display data.
    pub fn points(&self) -> Option<&[Point]> {
        (!self.points.is_empty()).then_some(&self.points[..])
    }

    /// The distance between two cities, in the unit of the instance.
    ///
    /// # Panics
    ///
    /// If a city is not below the dimension.
    pub fn distance(&self, a: u32, b: u32) -> i32 {
        let (a, b) = (a as usize, b as usize);
        if a == b {
            return 0;
        }
        match self.metric {
            Metric::Explicit => self.weights[a * self.dimension + b],
            metric => metric.between(metric.measurable(self.points[a]), metric.measurable(self.points[b])),
        }
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
}

impl FromStr for Instance {
    type Err = ReadError;

    fn from_str(text: &str) -> Result<Self, ReadError> {
        let mut lines = Lines::new(text);
        let mut header = Header::default();
        let (mut coordinates, mut display, mut weights) = (None, None, None);
        while let Some((line, text)) = lines.next() {
            let Entry::Section(section) = header.read(line, text)? else { continue };
            header.expect_kind(line, Kind::Problem)?;
            let dimension = header.dimension(line)?;
            match section {
                "NODE_COORD_SECTION" => {
                    let points = cities::read_points(&mut lines, "NODE_COORD_SECTION", dimension)?;
                    once(&mut coordinates, line, "NODE_COORD_SECTION", points)?;
                }
                "DISPLAY_DATA_SECTION" => {
                    let points = cities::read_points(&mut lines, "DISPLAY_DATA_SECTION", dimension)?;
                    once(&mut display, line, "DISPLAY_DATA_SECTION", points)?;
                }
                "EDGE_WEIGHT_SECTION" => {
                    let matrix = weights::read(&mut lines, dimension, header.format(line)?)?;
                    once(&mut weights, line, "EDGE_WEIGHT_SECTION", matrix)?;
                }
                _ => return Err(unknown(line, section)),
            }
        }
        let line = lines.current();
        header.expect_kind(line, Kind::Problem)?;
        let dimension = header.dimension(line)?;
        let metric = header.metric(line)?;
        let missing = |section| ReadError::MissingSection { line, section };
        let (points, weights) = match metric {
            Metric::Explicit => {
                let weights = weights.ok_or(missing("EDGE_WEIGHT_SECTION"))?;
                (display.or(coordinates).unwrap_or_default(), weights)
            }
            _ => (coordinates.ok_or(missing("NODE_COORD_SECTION"))?, Vec::new()),
        };
        let name = printable(&header.name.unwrap_or_default());
        let comment = printable(&header.comment);
        Ok(Self { name, comment, dimension, metric, points, weights })
    }
}

/// Reads a tour from a file, such as TSPLIB's `*.opt.tour`.
///
/// # Errors
///
/// If the file cannot be read, or is no tour within the limits above. Whether it is one of a given instance is for
/// the caller to compare, by its dimension.
pub fn read_tour(path: impl AsRef<Path>) -> Result<Tour, ReadError> {
    parse_tour(&read_text(path.as_ref())?)
}

/// Reads a tour from the text of a file.
///
/// # Errors
///
/// As [`read_tour`].
pub fn parse_tour(text: &str) -> Result<Tour, ReadError> {
    let mut lines = Lines::new(text);
    let mut header = Header::default();
    let mut order = None;
    while let Some((line, text)) = lines.next() {
        let Entry::Section(section) = header.read(line, text)? else { continue };
        header.expect_kind(line, Kind::Tour)?;
        if section != "TOUR_SECTION" {
            return Err(unknown(line, section));
        }
        let cities = cities::read_tour(&mut lines, header.stated_dimension())?;
        once(&mut order, line, "TOUR_SECTION", cities)?;
    }
    let line = lines.current();
    header.expect_kind(line, Kind::Tour)?;
    let order = order.ok_or(ReadError::MissingSection { line, section: "TOUR_SECTION" })?;
    Ok(Tour::new(order).expect("the section holds every city once"))
}

/// Names end up in pictures and terminals, where control characters do harm.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}
