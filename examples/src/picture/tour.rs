//! A tour on its map.

use std::ops::Range;

use plotters::prelude::*;

use super::PictureError;
use super::style::{BLUE, FAINT, INK, LABEL, RED, TITLE, fitting, font, grouped, tick};
use crate::tsp::metric::degrees;
use crate::tsp::{Instance, Metric, Tour, gap_percent};

/// The width of the picture and of the map in it, in pixels.
const WIDTH: u32 = 1000;
const MAP_WIDTH: u32 = WIDTH - EDGE - LEFT - RIGHT;
/// The map is as high as its cities need at equal scales, within these bounds.
const MAP_HEIGHT: Range<f64> = 320.0..1000.0;
/// What stays free beyond the labels of the axes.
const EDGE: u32 = 14;
const LEFT: u32 = 76;
const RIGHT: u32 = 40;
const TOP: u32 = 50;
const BOTTOM: u32 = 54;

/// Draws a tour with its cities as SVG: a closed path on equal scales, titled with its name, its length and, if an
/// optimum is given, its gap. Geographical instances lie on a map of longitude and latitude, and edges that cross the
/// date line leave the map at one side and return at the other.
///
/// `None` if the cities have no places: explicit distances without display data.
///
/// # Errors
///
/// If the tour is not one of the instance, or the drawing library fails.
pub fn tour_svg(
    instance: &Instance,
    tour: &Tour,
    optimum: Option<i64>,
) -> Result<Option<String>, PictureError> {
    let Some(places) = places(instance) else { return Ok(None) };
    let (cities, dimension) = (tour.cities().len(), instance.dimension());
    if cities != dimension {
        return Err(PictureError::WrongInstance { cities, dimension });
    }
    let (x_range, y_range, height) = frame(&places);
    let geographical = instance.metric() == Metric::Geo;
    let mut svg = String::new();
    {
        let root =
            SVGBackend::with_string(&mut svg, (WIDTH, TOP + height + BOTTOM + EDGE)).into_drawing_area();
        root.fill(&WHITE)?;
        let title = title(instance, tour, optimum);
        root.draw(&Text::new(title, ((EDGE + LEFT) as i32, 15), font(TITLE)))?;
        let mut chart = ChartBuilder::on(&root)
            .margin_top(TOP)
            .margin_right(RIGHT)
            .margin_bottom(EDGE)
            .margin_left(EDGE)
            .x_label_area_size(BOTTOM)
            .y_label_area_size(LEFT)
            .build_cartesian_2d(x_range, y_range)?;
        let (x_label, y_label) = if geographical {
            ("longitude [° east]", "latitude [° north]")
        } else {
            ("x [units of the instance]", "y [units of the instance]")
        };
        chart
            .configure_mesh()
            .x_desc(x_label)
            .y_desc(y_label)
            .x_labels(9)
            .y_labels((height / 80) as usize)
            .x_label_formatter(&tick)
            .y_label_formatter(&tick)
            .label_style(font(LABEL))
            .axis_desc_style(font(LABEL))
            .axis_style(INK)
            .bold_line_style(FAINT)
            .light_line_style(TRANSPARENT)
            .draw()?;
        for path in paths(&places, tour, geographical) {
            chart.draw_series([PathElement::new(path, BLUE.stroke_width(2))])?;
        }
        chart.draw_series(places.iter().map(|&place| Circle::new(place, 2, RED.filled())))?;
        root.present()?;
    }
    Ok(Some(svg))
}

/// A place on the map: to the right and up.
type Place = (f64, f64);

fn places(instance: &Instance) -> Option<Vec<Place>> {
    let points = instance.points()?;
    Some(match instance.metric() {
        Metric::Geo => points.iter().map(|point| (degrees(point.y), degrees(point.x))).collect(),
        _ => points.iter().map(|point| (point.x, point.y)).collect(),
    })
}

fn title(instance: &Instance, tour: &Tour, optimum: Option<i64>) -> String {
    let length = instance.length(tour.cities());
    let unit = if instance.metric() == Metric::Geo { " km" } else { "" };
    let name = if instance.name().is_empty() { "unnamed" } else { instance.name() };
    let name = fitting(name, TITLE, f64::from(MAP_WIDTH) / 3.0);
    let gap = match optimum {
        Some(optimum) if length == optimum => ", the optimum".to_owned(),
        Some(optimum) if optimum > 0 => {
            format!(", {:.2} % above the optimum of {}", gap_percent(length, optimum), grouped(optimum))
        }
        _ => String::new(),
    };
    format!("{name}: length {}{unit}{gap}", grouped(length))
}

/// The ranges of the axes, at equal scales and with a margin, and the height of the map in pixels.
fn frame(places: &[Place]) -> (Range<f64>, Range<f64>, u32) {
    let (x_low, x_high) = extent(places.iter().map(|place| place.0));
    let (y_low, y_high) = extent(places.iter().map(|place| place.1));
    // A margin of a fiftieth; the least extent keeps a single place from having no scale at all.
    let extent = |low: f64, high: f64| (1.04 * (high - low)).max(1e-3 * low.abs().max(1.0));
    let (x_extent, y_extent) = (extent(x_low, x_high), extent(y_low, y_high));
    let width = f64::from(MAP_WIDTH);
    let height = (width * y_extent / x_extent).clamp(MAP_HEIGHT.start, MAP_HEIGHT.end);
    let scale = (x_extent / width).max(y_extent / height);
    let around = |low: f64, high: f64, pixels: f64| {
        let (middle, half) = ((low + high) / 2.0, scale * pixels / 2.0);
        middle - half..middle + half
    };
    (around(x_low, x_high, width), around(y_low, y_high, height), height as u32)
}

fn extent(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
}

/// The closed tour as one path, or several where it leaves the map.
fn paths(places: &[Place], tour: &Tour, geographical: bool) -> Vec<Vec<Place>> {
    let mut stops = tour.cities().iter().map(|&city| places[city as usize]).collect::<Vec<_>>();
    stops.push(stops[0]);
    let mut paths = vec![vec![stops[0]]];
    for edge in stops.windows(2) {
        let (from, to) = (edge[0], edge[1]);
        let east = to.0 - from.0;
        if geographical && east.abs() > 180.0 {
            // The short way round crosses the date line, at the side of the map nearer to each end.
            let sign = -east.signum();
            let unwrapped = east + sign * 360.0;
            let share = (sign * 180.0 - from.0) / unwrapped;
            let latitude = from.1 + share * (to.1 - from.1);
            push(&mut paths, (sign * 180.0, latitude));
            paths.push(vec![(-sign * 180.0, latitude)]);
        }
        push(&mut paths, to);
    }
    paths
}

fn push(paths: &mut [Vec<Place>], place: Place) {
    paths.last_mut().expect("there is a path from the start").push(place);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tsp::test_support::{data, random_instance, shipped};
    use crate::tsp::tsplib::read_tour;

    #[test]
    fn a_tour_is_drawn_with_its_name_length_and_gap() {
        let instance = shipped("gr666");
        let tour = read_tour(data("gr666.opt.tour")).unwrap();
        let svg = tour_svg(&instance, &tour, Some(290_000)).unwrap().unwrap();
        assert!(svg.contains("gr666: length 294,358 km, 1.50 % above the optimum of 290,000"));
        assert!(svg.contains("longitude [° east]"));
        assert_eq!(svg.matches("<circle").count(), 666);
        let svg = tour_svg(&instance, &tour, Some(294_358)).unwrap().unwrap();
        assert!(svg.contains("gr666: length 294,358 km, the optimum"));
    }

    #[test]
    fn without_places_there_is_no_picture() {
        let instance = random_instance(&mut fastrand::Rng::with_seed(1), 5, "EXPLICIT");
        let tour = Tour::new((0..5).collect()).unwrap();
        assert!(tour_svg(&instance, &tour, None).unwrap().is_none());
    }

    #[test]
    fn a_tour_of_another_instance_is_refused() {
        let tour = Tour::new((0..5).collect()).unwrap();
        let error = tour_svg(&shipped("gr666"), &tour, None).unwrap_err();
        assert!(matches!(error, PictureError::WrongInstance { cities: 5, dimension: 666 }));
    }

    #[test]
    fn degenerate_maps_and_strange_names_are_drawn() {
        for cities in
            ["1 7 7", "1 0 0\n2 0 0\n3 0 0", "1 -1e8 0\n2 1e8 1", "1 3 -1e8\n2 3 1e8", "1 0 0\n2 1e-9 0"]
        {
            let dimension = cities.lines().count();
            let text = format!(
                "NAME: <&\"{}\nDIMENSION: {dimension}\nEDGE_WEIGHT_TYPE: ATT\nNODE_COORD_SECTION\n{cities}\n",
                "x".repeat(100)
            );
            let instance: Instance = text.parse().unwrap();
            let tour = Tour::new((0..dimension as u32).collect()).unwrap();
            let svg = tour_svg(&instance, &tour, Some(0)).unwrap().unwrap();
            assert!(svg.contains("&lt;&amp;") && svg.contains('…') && !svg.contains("NaN"));
        }
    }

    #[test]
    fn edges_over_the_date_line_leave_the_map_and_return() {
        let places = [(170.0, 0.0), (-170.0, 10.0), (0.0, 50.0)];
        let tour = Tour::new(vec![0, 1, 2]).unwrap();
        let split = paths(&places, &tour, true);
        assert_eq!(split[0], [(170.0, 0.0), (180.0, 5.0)]);
        assert_eq!(split[1], [(-180.0, 5.0), (-170.0, 10.0), (0.0, 50.0), (170.0, 0.0)]);
        assert_eq!(paths(&places, &tour, false).len(), 1);
    }
}
