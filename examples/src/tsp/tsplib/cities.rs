//! `NODE_COORD_SECTION`, `DISPLAY_DATA_SECTION` and `TOUR_SECTION`: what lists every city once.

use super::lines::{Lines, excerpt};
use super::{MAX_CITIES, ReadError};
use crate::tsp::Point;

/// The largest magnitude of a coordinate: keeps every distance below `i32::MAX`.
const MAX_COORDINATE: f64 = 1e8;

/// Reads a point for each city: `number x y`, in any order.
pub(super) fn read_points(
    lines: &mut Lines<'_>,
    section: &'static str,
    dimension: usize,
) -> Result<Vec<Point>, ReadError> {
    let mut points = vec![None; dimension];
    for found in 0..dimension {
        let Some((line, text)) = lines.next_data() else {
            return Err(ReadError::TooFewEntries {
                line: lines.current(),
                section,
                found,
                expected: dimension,
            });
        };
        let mut words = text.split_whitespace();
        let (Some(city), Some(x), Some(y), None) = (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(ReadError::BadEntry {
                line,
                expected: "a city and two coordinates",
                found: excerpt(text),
            });
        };
        let index = city_index(line, city, dimension)?;
        let point = Point { x: coordinate(line, x)?, y: coordinate(line, y)? };
        if points[index].replace(point).is_some() {
            return Err(ReadError::RepeatedCity { line, city: index as u64 + 1 });
        }
    }
    if let Some((line, _)) = lines.next_data() {
        return Err(ReadError::TooManyEntries { line, section, expected: dimension });
    }
    // As many entries as cities and none twice: every one is there.
    Ok(points.into_iter().flatten().collect())
}

/// Reads the cities in the order of the tour, from 0; without a dimension as many as there are.
pub(super) fn read_tour(lines: &mut Lines<'_>, dimension: Option<usize>) -> Result<Vec<u32>, ReadError> {
    const SECTION: &str = "TOUR_SECTION";
    let limit = dimension.unwrap_or(MAX_CITIES);
    let mut order = Vec::new();
    let mut seen = vec![false; limit];
    let mut largest = 0;
    let mut ended = false;
    while let Some((line, text)) = lines.next_data() {
        for word in text.split_whitespace() {
            if word == "-1" {
                ended = true;
                continue;
            }
            if ended || order.len() == limit {
                return Err(ReadError::TooManyEntries { line, section: SECTION, expected: order.len() });
            }
            let index = city_index(line, word, limit)?;
            if std::mem::replace(&mut seen[index], true) {
                return Err(ReadError::RepeatedCity { line, city: index as u64 + 1 });
            }
            largest = largest.max(index + 1);
            order.push(index as u32);
        }
    }
    let expected = dimension.unwrap_or(largest);
    if order.is_empty() || order.len() < expected {
        return Err(ReadError::TooFewEntries {
            line: lines.current(),
            section: SECTION,
            found: order.len(),
            expected: expected.max(1),
        });
    }
    Ok(order)
}

/// The index from 0 of a city that the file numbers from 1.
fn city_index(line: usize, word: &str, dimension: usize) -> Result<usize, ReadError> {
    let city: u64 = word.parse().map_err(|_| ReadError::BadEntry {
        line,
        expected: "the number of a city",
        found: excerpt(word),
    })?;
    if city == 0 || city > dimension as u64 {
        return Err(ReadError::CityOutOfRange { line, city, dimension });
    }
    Ok(city as usize - 1)
}

fn coordinate(line: usize, word: &str) -> Result<f64, ReadError> {
    match word.parse::<f64>() {
        // NaN fails the comparison too.
        Ok(value) if value.abs() <= MAX_COORDINATE => Ok(value),
        Ok(_) => Err(ReadError::BadCoordinate { line, value: excerpt(word), limit: MAX_COORDINATE }),
        Err(_) => Err(ReadError::BadEntry { line, expected: "a coordinate", found: excerpt(word) }),
    }
}
