//! TSPLIB's distances between points, with its rounding to whole numbers.
//!
//! The definitions are those of G. Reinelt, *TSPLIB 95*, section 2 ("The distance functions"), with the corrections
//! for geographical distances in TSPLIB's *Questions and answers*
//! (<http://comopt.ifi.uni-heidelberg.de/software/TSPLIB95/TSPFAQ.html>). The optima that TSPLIB publishes hold for
//! exactly these roundings.

/// A point of a file: x and y, or for [`Metric::Geo`] latitude and longitude in TSPLIB's degrees and minutes
/// (`DDD.MM`, north and east positive).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// The first coordinate.
    pub x: f64,
    /// The second coordinate.
    pub y: f64,
}

/// How the distance of two cities is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// `EUC_2D`: Euclidean, rounded to the nearest whole number.
    Euc2d,
    /// `CEIL_2D`: Euclidean, rounded up.
    Ceil2d,
    /// `ATT`: Euclidean over √10, never rounded below its value.
    Att,
    /// `GEO`: kilometres on an idealised Earth.
    Geo,
    /// `EXPLICIT`: the file lists the distances; points, if any, are for pictures only.
    Explicit,
}

impl Metric {
    /// The point in the form that [`Metric::between`] measures: radians for [`Metric::Geo`], else unchanged.
    pub(crate) fn measurable(self, point: Point) -> Point {
        match self {
            Self::Geo => Point { x: radians(degrees(point.x)), y: radians(degrees(point.y)) },
            Self::Euc2d | Self::Ceil2d | Self::Att | Self::Explicit => point,
        }
    }

    /// The distance between two points that went through [`Metric::measurable`].
    ///
    /// For [`Metric::Explicit`] points mean nothing, and the distance is 0.
    pub(crate) fn between(self, a: Point, b: Point) -> i32 {
        let squared = || (a.x - b.x).powi(2) + (a.y - b.y).powi(2);
        // The reader bounds coordinates so that no distance reaches `i32::MAX`.
        match self {
            Self::Euc2d => (squared().sqrt() + 0.5) as i32,
            Self::Ceil2d => squared().sqrt().ceil() as i32,
            Self::Att => {
                let exact = (squared() / 10.0).sqrt();
                let nearest = (exact + 0.5) as i32;
                if f64::from(nearest) < exact { nearest + 1 } else { nearest }
            }
            Self::Geo => great_circle(a, b),
            Self::Explicit => 0,
        }
    }
}

/// Degrees as a decimal fraction, from TSPLIB's `DDD.MM`: the digits after the point are minutes.
pub(crate) fn degrees(coordinate: f64) -> f64 {
    let whole = coordinate.trunc();
    whole + 5.0 * (coordinate - whole) / 3.0
}

fn radians(degrees: f64) -> f64 {
    // TSPLIB fixes π to these digits; more of them change distances, and with them the optima.
    #[expect(clippy::approx_constant, reason = "part of the definition")]
    const PI: f64 = 3.141592;
    PI * degrees / 180.0
}

fn great_circle(a: Point, b: Point) -> i32 {
    const EARTH_RADIUS_KM: f64 = 6378.388;
    let longitudes = (a.y - b.y).cos();
    let latitudes = (a.x - b.x).cos();
    let sum = (a.x + b.x).cos();
    let cosine = 0.5 * ((1.0 + longitudes) * latitudes - (1.0 - longitudes) * sum);
    // Rounding can leave the cosine of equal points just above 1, where acos is undefined.
    (EARTH_RADIUS_KM * cosine.clamp(-1.0, 1.0).acos() + 1.0) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distance(metric: Metric, a: (f64, f64), b: (f64, f64)) -> i32 {
        let point = |(x, y)| metric.measurable(Point { x, y });
        metric.between(point(a), point(b))
    }

    #[test]
    fn roundings_differ_where_the_definitions_do() {
        // √2 = 1.414…
        assert_eq!(distance(Metric::Euc2d, (0.0, 0.0), (1.0, 1.0)), 1);
        assert_eq!(distance(Metric::Ceil2d, (0.0, 0.0), (1.0, 1.0)), 2);
        // A half is rounded away from zero.
        assert_eq!(distance(Metric::Euc2d, (0.0, 0.0), (2.5, 0.0)), 3);
        // √(16 / 10) = 1.26… would round to 1, which is below it.
        assert_eq!(distance(Metric::Att, (0.0, 0.0), (4.0, 0.0)), 2);
        assert_eq!(distance(Metric::Att, (0.0, 0.0), (0.0, 0.0)), 0);
    }

    #[test]
    fn minutes_are_sixtieths() {
        assert!((degrees(10.30) - 10.5).abs() < 1e-9);
        assert!((degrees(-10.30) + 10.5).abs() < 1e-9);
    }

    #[test]
    fn geographical_distances_are_kilometres_on_the_sphere() {
        // A quarter of the circumference: 6378.388 × π / 2 = 10019.15, and the definition truncates after adding 1.
        assert_eq!(distance(Metric::Geo, (90.0, 0.0), (0.0, 0.0)), 10_020);
        assert_eq!(distance(Metric::Geo, (12.34, 56.12), (12.34, 56.12)), 1);
    }
}
