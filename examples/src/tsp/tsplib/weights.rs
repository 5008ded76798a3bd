//! `EDGE_WEIGHT_SECTION`: the distances of an explicit instance, in any of the usual layouts.

use super::lines::{Lines, excerpt};
use super::{MAX_EXPLICIT_CITIES, ReadError};

const SECTION: &str = "EDGE_WEIGHT_SECTION";

/// The largest distance accepted: sums of four still fit the 32 bits of a distance table with room to spare.
const MAX_WEIGHT: i32 = 500_000_000;

/// The order in which a file lists the entries of the distance matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    FullMatrix,
    UpperRow,
    LowerRow,
    UpperDiagRow,
    LowerDiagRow,
}

impl Format {
    pub(super) const SUPPORTED: &str = "FULL_MATRIX, UPPER_ROW, LOWER_ROW, UPPER_DIAG_ROW, LOWER_DIAG_ROW";

    pub(super) fn from_keyword(value: &str) -> Option<Self> {
        Some(match value {
            "FULL_MATRIX" => Self::FullMatrix,
            "UPPER_ROW" => Self::UpperRow,
            "LOWER_ROW" => Self::LowerRow,
            "UPPER_DIAG_ROW" => Self::UpperDiagRow,
            "LOWER_DIAG_ROW" => Self::LowerDiagRow,
            _ => return None,
        })
    }

    /// The columns listed of a row.
    fn columns(self, row: usize, dimension: usize) -> std::ops::Range<usize> {
        match self {
            Self::FullMatrix => 0..dimension,
            Self::UpperRow => row + 1..dimension,
            Self::LowerRow => 0..row,
            Self::UpperDiagRow => row..dimension,
            Self::LowerDiagRow => 0..row + 1,
        }
    }
}

/// Reads the section that starts after the line delivered last, as a full matrix row by row.
pub(super) fn read(lines: &mut Lines<'_>, dimension: usize, format: Format) -> Result<Vec<i32>, ReadError> {
    if dimension > MAX_EXPLICIT_CITIES {
        return Err(ReadError::Unsupported {
            line: lines.current(),
            keyword: SECTION,
            value: format!("of {dimension} cities"),
            supported: "at most 2500 cities with explicit distances",
        });
    }
    let expected = (0..dimension).map(|row| format.columns(row, dimension).len()).sum();
    let mut numbers = Numbers { lines, words: "".split_whitespace(), line: 0 };
    numbers.line = numbers.lines.current();
    let mut matrix = vec![0; dimension * dimension];
    let mut found = 0;
    for row in 0..dimension {
        for column in format.columns(row, dimension) {
            let weight = numbers.next()?.ok_or(ReadError::TooFewEntries {
                line: numbers.line,
                section: SECTION,
                found,
                expected,
            })?;
            found += 1;
            if format == Format::FullMatrix && column < row && matrix[column * dimension + row] != weight {
                return Err(ReadError::Asymmetric { line: numbers.line, to: row + 1, from: column + 1 });
            }
            matrix[row * dimension + column] = weight;
            if format != Format::FullMatrix {
                matrix[column * dimension + row] = weight;
            }
        }
    }
    if numbers.next()?.is_some() {
        return Err(ReadError::TooManyEntries { line: numbers.line, section: SECTION, expected });
    }
    // Some files mark the diagonal with a large number; no tour uses it.
    for city in 0..dimension {
        matrix[city * dimension + city] = 0;
    }
    Ok(matrix)
}

/// The numbers of a section: line breaks between them mean nothing.
struct Numbers<'a, 'l> {
    lines: &'l mut Lines<'a>,
    words: std::str::SplitWhitespace<'a>,
    line: usize,
}

impl Numbers<'_, '_> {
    /// The next number, or `None` at the end of the section.
    fn next(&mut self) -> Result<Option<i32>, ReadError> {
        loop {
            if let Some(word) = self.words.next() {
                return match word.parse() {
                    Ok(weight) if (0..=MAX_WEIGHT).contains(&weight) => Ok(Some(weight)),
                    _ => Err(ReadError::BadEntry {
                        line: self.line,
                        expected: "a distance, a whole number from 0 to 500000000",
                        found: excerpt(word),
                    }),
                };
            }
            let Some((line, text)) = self.lines.next_data() else { return Ok(None) };
            (self.line, self.words) = (line, text.split_whitespace());
        }
    }
}
