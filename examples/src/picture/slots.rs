//! What the slots of servers did over time: a lane for each slot, coloured by status.

use std::time::Duration;

use occamy_core::SlotStatus;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::PictureError;
use super::style::{
    BLUE, FAINT, GREEN, INK, LABEL, ORANGE, RED, TITLE, anchored, fitting, font, tick, width,
};

/// What one slot of a server did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane {
    /// The server; its lanes should follow each other.
    pub server: String,
    /// The number of the slot in its server.
    pub slot: usize,
    /// What it did when, in any order; gaps stay white.
    pub spans: Vec<Span>,
    /// When an assistant was evicted from it, since the start of the picture.
    pub evictions: Vec<Duration>,
}

/// What a slot did for some time. Times count from the start of the picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// When it began.
    pub start: Duration,
    /// When it ended, not before `start`.
    pub end: Duration,
    /// In which status the slot was.
    pub status: SlotStatus,
    /// The request worked on; shown where there is room, may be empty.
    pub request: String,
}

/// Draws lanes over time as SVG, with a legend. Evictions are marked with a triangle on top of their lane.
///
/// # Errors
///
/// If the drawing library fails.
pub fn slots_svg(title: &str, lanes: &[Lane]) -> Result<String, PictureError> {
    let layout = Layout::new(lanes);
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (WIDTH, HEADER + layout.height + FOOTER + EDGE))
            .into_drawing_area();
        root.fill(&WHITE)?;
        let room = f64::from(WIDTH - 2 * MARGIN);
        root.draw(&Text::new(fitting(title, TITLE, room), (MARGIN as i32, 14), font(TITLE)))?;
        draw_legend(&root, layout.left)?;
        draw_axis(&root, &layout)?;
        for (lane, &top) in lanes.iter().zip(&layout.tops) {
            draw_lane(&root, &layout, lane, top)?;
        }
        root.present()?;
    }
    Ok(svg)
}

// All in pixels.
const WIDTH: u32 = 1200;
const MARGIN: u32 = 30;
/// The title and the legend.
const HEADER: u32 = 96;
/// The labels of the time axis.
const FOOTER: u32 = 50;
/// What stays free below them.
const EDGE: u32 = 14;
const LANE: i32 = 30;
const LANE_GAP: i32 = 10;
const SERVER_GAP: i32 = 14;
const LABEL_GAP: i32 = 10;
/// The names of servers are cut to this.
const MAX_LEFT: f64 = 260.0;
/// The half width of the triangle that marks an eviction.
const MARK: i32 = 5;

/// Where things lie.
struct Layout {
    /// The left end of the lanes.
    left: i32,
    /// The upper side of each lane.
    tops: Vec<i32>,
    /// The height of all lanes together.
    height: u32,
    /// The time at the right end, in seconds, above 0.
    seconds: f64,
}

impl Layout {
    fn new(lanes: &[Lane]) -> Self {
        let widest = lanes.iter().map(|lane| width(&name(lane), LABEL)).fold(0.0, f64::max);
        let left = MARGIN as i32 + widest.min(MAX_LEFT) as i32 + LABEL_GAP;
        let mut tops = Vec::with_capacity(lanes.len());
        let mut y = HEADER as i32 + LANE_GAP;
        for (index, lane) in lanes.iter().enumerate() {
            if index > 0 && lanes[index - 1].server != lane.server {
                y += SERVER_GAP;
            }
            tops.push(y);
            y += LANE + LANE_GAP;
        }
        let ends = lanes
            .iter()
            .flat_map(|lane| lane.spans.iter().map(|span| span.end).chain(lane.evictions.iter().copied()));
        // An empty picture still has an axis.
        let end = ends.max().unwrap_or_default().max(Duration::from_millis(1));
        Self { left, tops, height: y.unsigned_abs() - HEADER, seconds: end.as_secs_f64() }
    }

    fn right(&self) -> i32 {
        (WIDTH - MARGIN) as i32
    }

    fn x(&self, time: Duration) -> i32 {
        let share = time.as_secs_f64() / self.seconds;
        self.left + (share * f64::from(self.right() - self.left)).round() as i32
    }
}

fn name(lane: &Lane) -> String {
    format!("{} slot {}", lane.server, lane.slot)
}

type Root<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn draw_legend(root: &Root<'_>, left: i32) -> Result<(), PictureError> {
    const BOX: i32 = 16;
    const SPACE: i32 = 34;
    let y = 66;
    let mut x = left;
    let text =
        |x: i32, label: &'static str| Text::new(label, (x + BOX + 8, y + BOX / 2), anchored(HPos::Left));
    for status in SlotStatus::ALL.into_iter().rev() {
        draw_box(root, [(x, y), (x + BOX, y + BOX)], status)?;
        root.draw(&text(x, status.as_str()))?;
        x += BOX + 8 + width(status.as_str(), LABEL) as i32 + SPACE;
    }
    draw_eviction(root, x + BOX / 2, y, BOX)?;
    root.draw(&text(x, "eviction"))?;
    Ok(())
}

fn draw_axis(root: &Root<'_>, layout: &Layout) -> Result<(), PictureError> {
    let mut chart = ChartBuilder::on(root)
        .margin_top(HEADER)
        .margin_right(MARGIN)
        .margin_bottom(EDGE)
        .margin_left(layout.left)
        .x_label_area_size(FOOTER)
        .build_cartesian_2d(0.0..layout.seconds, 0.0..1.0)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .x_labels(12)
        .x_label_formatter(&tick)
        .x_desc("time [s]")
        .label_style(font(LABEL))
        .axis_desc_style(font(LABEL))
        .axis_style(INK)
        .bold_line_style(FAINT)
        .light_line_style(TRANSPARENT)
        .draw()?;
    Ok(())
}

fn draw_lane(root: &Root<'_>, layout: &Layout, lane: &Lane, top: i32) -> Result<(), PictureError> {
    let middle = top + LANE / 2;
    let label = fitting(&name(lane), LABEL, MAX_LEFT);
    let style = anchored(HPos::Right);
    root.draw(&Text::new(label, (layout.left - LABEL_GAP, middle), style))?;
    for span in &lane.spans {
        // However short, it is there to see.
        let (start, end) = (layout.x(span.start), layout.x(span.end).max(layout.x(span.start) + 1));
        draw_box(root, [(start, top), (end, top + LANE)], span.status)?;
        let label = fitting(&span.request, LABEL, f64::from(end - start) - 10.0);
        if !label.is_empty() {
            let ink = ink(span.status);
            let style = anchored(HPos::Center).color(&ink);
            root.draw(&Text::new(label, ((start + end) / 2, middle), style))?;
        }
    }
    for &time in &lane.evictions {
        draw_eviction(root, layout.x(time), top, LANE)?;
    }
    Ok(())
}

fn draw_box(root: &Root<'_>, corners: [(i32, i32); 2], status: SlotStatus) -> Result<(), PictureError> {
    root.draw(&Rectangle::new(corners, colour(status).filled()))?;
    // A white frame keeps spans of the same status apart; an empty slot needs a line to be seen at all.
    let frame = if status == SlotStatus::Empty { FAINT } else { WHITE };
    if corners[1].0 - corners[0].0 > 2 {
        root.draw(&Rectangle::new(corners, frame))?;
    }
    Ok(())
}

fn draw_eviction(root: &Root<'_>, x: i32, top: i32, height: i32) -> Result<(), PictureError> {
    root.draw(&PathElement::new([(x, top), (x, top + height)], RED.stroke_width(2)))?;
    let triangle = [(x - MARK, top - MARK), (x + MARK, top - MARK), (x, top + MARK)];
    root.draw(&Polygon::new(triangle, RED))?;
    Ok(())
}

fn colour(status: SlotStatus) -> RGBColor {
    match status {
        SlotStatus::Protected => BLUE,
        SlotStatus::UnprotectedInternal => ORANGE,
        SlotStatus::UnprotectedExternal => GREEN,
        SlotStatus::Empty => RGBColor(0xf0, 0xf0, 0xf0),
    }
}

/// The colour of text on top.
fn ink(status: SlotStatus) -> RGBColor {
    match status {
        SlotStatus::Protected | SlotStatus::UnprotectedExternal => WHITE,
        SlotStatus::UnprotectedInternal | SlotStatus::Empty => INK,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start: u64, end: u64, status: SlotStatus, request: &str) -> Span {
        let [start, end] = [start, end].map(Duration::from_millis);
        Span { start, end, status, request: request.to_owned() }
    }

    #[test]
    fn lanes_show_names_requests_and_evictions() {
        let lanes = [
            Lane {
                server: "a<b".to_owned(),
                slot: 0,
                spans: vec![
                    span(0, 4_000, SlotStatus::Protected, "request 1"),
                    span(4_000, 4_001, SlotStatus::Empty, "hidden"),
                ],
                evictions: vec![],
            },
            Lane {
                server: "a<b".to_owned(),
                slot: 1,
                spans: vec![span(0, 2_000, SlotStatus::UnprotectedInternal, "request 1")],
                evictions: vec![Duration::from_millis(2_000)],
            },
        ];
        let svg = slots_svg("Two slots", &lanes).unwrap();
        for text in ["Two slots", "a&lt;b slot 0", "a&lt;b slot 1", "request 1", "time [s]", "eviction"] {
            assert!(svg.contains(text), "{text}");
        }
        for status in SlotStatus::ALL.into_iter().rev() {
            assert!(svg.contains(status.as_str()));
        }
        assert!(!svg.contains("hidden"), "there is no room for it");
        // One in the lane, one in the legend.
        assert_eq!(svg.matches("<polygon").count(), 2);
    }

    #[test]
    fn nothing_at_all_is_still_a_picture() {
        assert!(slots_svg("", &[]).unwrap().contains("time [s]"));
        let lane = Lane { server: "x".repeat(500), slot: 0, spans: vec![], evictions: vec![Duration::ZERO] };
        let svg = slots_svg(&"y".repeat(500), &[lane]).unwrap();
        assert!(svg.contains('…') && !svg.contains("NaN"));
    }
}
