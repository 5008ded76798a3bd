//! What the pictures have in common: colours, fonts, and texts that fit.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Text, axes and frames.
pub(super) const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
/// Lines of the grid.
pub(super) const FAINT: RGBColor = RGBColor(0xdd, 0xdd, 0xdd);
// Colours that stay apart for the colour-blind: M. Okabe, K. Ito, *Color Universal Design*, 2008.
pub(super) const BLUE: RGBColor = RGBColor(0x00, 0x72, 0xb2);
pub(super) const ORANGE: RGBColor = RGBColor(0xe6, 0x9f, 0x00);
pub(super) const GREEN: RGBColor = RGBColor(0x00, 0x9e, 0x73);
pub(super) const RED: RGBColor = RGBColor(0xc0, 0x1c, 0x28);

pub(super) const TITLE: f64 = 24.0;
pub(super) const LABEL: f64 = 16.0;

/// The font of a size, in plotters' pixels; the viewer picks a sans-serif face.
pub(super) fn font(size: f64) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&INK)
}

/// A label whose given side stands at its position, centred vertically.
pub(super) fn anchored(side: HPos) -> TextStyle<'static> {
    font(LABEL).pos(Pos::new(side, VPos::Center))
}

/// About how wide a text is, in pixels, on the safe side: the SVG backend knows no glyphs.
pub(super) fn width(text: &str, size: f64) -> f64 {
    0.5 * size * text.chars().count() as f64
}

/// The text, cut to a width in pixels; empty if hardly any of it would fit.
pub(super) fn fitting(text: &str, size: f64, available: f64) -> String {
    if width(text, size) <= available {
        return text.to_owned();
    }
    const FEWEST: usize = 3;
    let room = (available / width("x", size)) as usize;
    if room <= FEWEST {
        return String::new();
    }
    text.chars().take(room - 1).chain(['…']).collect()
}

/// The label of a tick: steps of the axis add up to numbers such as 0.30000000000000004.
pub(super) fn tick(value: &f64) -> String {
    let rounded = (value * 1e9).round() / 1e9;
    // Adding 0 turns -0 into 0.
    format!("{}", rounded + 0.0)
}

/// A number with its digits in groups of three.
pub(super) fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::from(if number < 0 { "-" } else { "" });
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_stand_in_groups() {
        assert_eq!([0, 12, 999, 1_000, -1_234_567].map(grouped), ["0", "12", "999", "1,000", "-1,234,567"]);
    }

    #[test]
    fn ticks_are_short() {
        assert_eq!([0.1 + 0.2, -0.0, -50.0, 1e8].map(|value| tick(&value)), ["0.3", "0", "-50", "100000000"]);
    }

    #[test]
    fn texts_are_cut_to_what_fits() {
        assert_eq!(fitting("request", 10.0, 100.0), "request");
        assert_eq!(fitting("request", 10.0, 27.0), "requ…");
        assert_eq!(fitting("request", 10.0, 19.0), "");
        assert_eq!(fitting("request", 10.0, -5.0), "");
    }
}
