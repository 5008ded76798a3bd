//! Why a TSPLIB file was refused: every message names the line and what to do about it.

use std::io;
use std::path::PathBuf;

/// A TSPLIB problem or tour could not be read. Lines count from 1.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The file could not be opened or read.
    #[error("cannot read {path}: {source}; check that the path names a readable TSPLIB file")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is larger than any instance within the limits below.
    #[error("the file is larger than {limit} bytes; give a smaller instance")]
    TooLarge {
        /// The most that is read, in bytes.
        limit: u64,
    },
    /// The file is no text.
    #[error("line {line}: not UTF-8 text; unpack the file if it is compressed, or save it as UTF-8")]
    NotUtf8 {
        /// The line with the first offending byte.
        line: usize,
    },
    /// A keyword is needed at this line, and none was seen before.
    #[error("line {line}: {keyword} is missing; add a line \"{keyword} : ...\" above this one")]
    MissingKeyword {
        /// Where the keyword would have been needed.
        line: usize,
        /// The missing keyword.
        keyword: &'static str,
    },
    /// The file ends without the section that holds its data.
    #[error("line {line}: the file ends without a {section}; add it")]
    MissingSection {
        /// The last line of the file.
        line: usize,
        /// The missing section.
        section: &'static str,
    },
    /// A keyword or section stands twice.
    #[error("line {line}: {keyword} occurs a second time; remove one of the two")]
    RepeatedKeyword {
        /// The second occurrence.
        line: usize,
        /// The repeated keyword.
        keyword: &'static str,
    },
    /// A keyword or section that this reader does not know, or a line that is neither.
    #[error("line {line}: unknown keyword or section \"{keyword}\"; correct it, or remove it with its data")]
    UnknownKeyword {
        /// The line.
        line: usize,
        /// What stands there.
        keyword: String,
    },
    /// A known keyword with a value that is not supported.
    #[error("line {line}: {keyword} \"{value}\" is not supported; use one of: {supported}")]
    Unsupported {
        /// The line.
        line: usize,
        /// The keyword.
        keyword: &'static str,
        /// Its value.
        value: String,
        /// What would be accepted.
        supported: &'static str,
    },
    /// DIMENSION is no number, zero, or beyond the limit.
    #[error("line {line}: DIMENSION \"{value}\" is not a whole number from 1 to {limit}; correct it")]
    BadDimension {
        /// The line.
        line: usize,
        /// What stands there.
        value: String,
        /// The largest dimension accepted.
        limit: usize,
    },
    /// A line or number of a section is not of the form expected there.
    #[error("line {line}: expected {expected}, found \"{found}\"; correct the line")]
    BadEntry {
        /// The line.
        line: usize,
        /// The form expected.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// A coordinate is NaN, infinite or so large that distances would overflow.
    #[error(
        "line {line}: coordinate \"{value}\" is not a finite number of magnitude up to {limit}; correct it"
    )]
    BadCoordinate {
        /// The line.
        line: usize,
        /// What stands there.
        value: String,
        /// The largest magnitude accepted.
        limit: f64,
    },
    /// A city number outside 1..=DIMENSION.
    #[error("line {line}: city {city} is not between 1 and {dimension}; correct it or DIMENSION")]
    CityOutOfRange {
        /// The line.
        line: usize,
        /// The number, as in the file.
        city: u64,
        /// How many cities there are.
        dimension: usize,
    },
    /// A city occurs twice in a section or tour.
    #[error("line {line}: city {city} occurs a second time; every city must occur exactly once")]
    RepeatedCity {
        /// The second occurrence.
        line: usize,
        /// The number, as in the file.
        city: u64,
    },
    /// A section ends too early: the file is truncated, or DIMENSION too large.
    #[error(
        "line {line}: {section} ends after {found} of {expected} entries; complete it or correct DIMENSION"
    )]
    TooFewEntries {
        /// Where the section ends.
        line: usize,
        /// The section.
        section: &'static str,
        /// How many entries it has.
        found: usize,
        /// How many it should have.
        expected: usize,
    },
    /// A section goes on after its last entry.
    #[error("line {line}: {section} goes on after its {expected} entries; shorten it or correct DIMENSION")]
    TooManyEntries {
        /// The first line too many.
        line: usize,
        /// The section.
        section: &'static str,
        /// How many entries it should have.
        expected: usize,
    },
    /// A full matrix is not symmetric.
    #[error(
        "line {line}: the distance from city {to} to {from} differs from the one back; only symmetric \
             instances can be solved"
    )]
    Asymmetric {
        /// The line with the second of the two entries.
        line: usize,
        /// The city of the row, from 1.
        to: usize,
        /// The city of the column, from 1.
        from: usize,
    },
}
