//! The keywords of a TSPLIB file ahead of its sections: `KEYWORD : value`.

use super::lines::{excerpt, is_data};
use super::weights::Format;
use super::{MAX_CITIES, ReadError};
use crate::tsp::Metric;

/// What the keywords said so far; sections may ask for it at any line.
#[derive(Debug, Default)]
pub(super) struct Header {
    pub(super) name: Option<String>,
    pub(super) comment: String,
    kind: Option<Kind>,
    dimension: Option<usize>,
    metric: Option<Metric>,
    format: Option<Format>,
}

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Problem,
    Tour,
}

/// A line of a header.
pub(super) enum Entry<'a> {
    /// A keyword, now part of the header.
    Keyword,
    /// The start of a section.
    Section(&'a str),
}

impl Header {
    /// Takes one line in.
    pub(super) fn read<'a>(&mut self, line: usize, text: &'a str) -> Result<Entry<'a>, ReadError> {
        let (keyword, value) = match text.split_once(':') {
            Some((keyword, value)) => (keyword.trim(), value.trim()),
            None => (text, ""),
        };
        match keyword {
            "NAME" => once(&mut self.name, line, "NAME", value.to_owned())?,
            "COMMENT" => {
                // The one keyword that may be repeated; long comments are.
                if !self.comment.is_empty() {
                    self.comment.push(' ');
                }
                self.comment.push_str(value);
            }
            "TYPE" => once(&mut self.kind, line, "TYPE", kind(line, value)?)?,
            "DIMENSION" => once(&mut self.dimension, line, "DIMENSION", dimension(line, value)?)?,
            "EDGE_WEIGHT_TYPE" => once(&mut self.metric, line, "EDGE_WEIGHT_TYPE", metric(line, value)?)?,
            "EDGE_WEIGHT_FORMAT" => {
                let format = Format::from_keyword(value).ok_or_else(|| ReadError::Unsupported {
                    line,
                    keyword: "EDGE_WEIGHT_FORMAT",
                    value: excerpt(value),
                    supported: Format::SUPPORTED,
                })?;
                once(&mut self.format, line, "EDGE_WEIGHT_FORMAT", format)?;
            }
            // They repeat what the metric and the sections say themselves.
            "NODE_COORD_TYPE" | "DISPLAY_DATA_TYPE" => {}
            section if section.ends_with("_SECTION") && value.is_empty() => {
                return Ok(Entry::Section(section));
            }
            _ => return Err(unknown(line, keyword)),
        }
        Ok(Entry::Keyword)
    }

    /// Checks that the file holds what is wanted; a file without TYPE is taken at its word.
    pub(super) fn expect_kind(&self, line: usize, wanted: Kind) -> Result<(), ReadError> {
        if self.kind.is_none_or(|kind| kind == wanted) {
            return Ok(());
        }
        let (value, supported) = match wanted {
            Kind::Problem => ("TOUR", "TSP (this file is a tour, not an instance)"),
            Kind::Tour => ("TSP", "TOUR (this file is an instance, not a tour)"),
        };
        Err(ReadError::Unsupported { line, keyword: "TYPE", value: value.to_owned(), supported })
    }

    pub(super) fn dimension(&self, line: usize) -> Result<usize, ReadError> {
        self.dimension.ok_or(ReadError::MissingKeyword { line, keyword: "DIMENSION" })
    }

    /// The dimension, where it may be left out.
    pub(super) fn stated_dimension(&self) -> Option<usize> {
        self.dimension
    }

    pub(super) fn metric(&self, line: usize) -> Result<Metric, ReadError> {
        self.metric.ok_or(ReadError::MissingKeyword { line, keyword: "EDGE_WEIGHT_TYPE" })
    }

    pub(super) fn format(&self, line: usize) -> Result<Format, ReadError> {
        self.format.ok_or(ReadError::MissingKeyword { line, keyword: "EDGE_WEIGHT_FORMAT" })
    }
}

/// The error for a line that is neither keyword nor section nor data that would be expected there.
pub(super) fn unknown(line: usize, text: &str) -> ReadError {
    if is_data(text) {
        let expected = "a keyword or a section before any data";
        return ReadError::BadEntry { line, expected, found: excerpt(text) };
    }
    ReadError::UnknownKeyword { line, keyword: excerpt(text) }
}

/// Sets a value that may be set once.
pub(super) fn once<T>(
    slot: &mut Option<T>,
    line: usize,
    keyword: &'static str,
    value: T,
) -> Result<(), ReadError> {
    if slot.replace(value).is_some() {
        return Err(ReadError::RepeatedKeyword { line, keyword });
    }
    Ok(())
}

fn kind(line: usize, value: &str) -> Result<Kind, ReadError> {
    // Some files add the author's initials, as in "TSP (M.~Hofmeister)".
    match value.split_whitespace().next() {
        Some("TSP") => Ok(Kind::Problem),
        Some("TOUR") => Ok(Kind::Tour),
        _ => Err(ReadError::Unsupported {
            line,
            keyword: "TYPE",
            value: excerpt(value),
            supported: "TSP, TOUR",
        }),
    }
}

fn dimension(line: usize, value: &str) -> Result<usize, ReadError> {
    match value.parse() {
        Ok(dimension) if (1..=MAX_CITIES).contains(&dimension) => Ok(dimension),
        _ => Err(ReadError::BadDimension { line, value: excerpt(value), limit: MAX_CITIES }),
    }
}

fn metric(line: usize, value: &str) -> Result<Metric, ReadError> {
    Ok(match value {
        "EUC_2D" => Metric::Euc2d,
        "CEIL_2D" => Metric::Ceil2d,
        "ATT" => Metric::Att,
        "GEO" => Metric::Geo,
        "EXPLICIT" => Metric::Explicit,
        _ => {
            return Err(ReadError::Unsupported {
                line,
                keyword: "EDGE_WEIGHT_TYPE",
                value: excerpt(value),
                supported: "EUC_2D, CEIL_2D, ATT, GEO, EXPLICIT",
            });
        }
    })
}
