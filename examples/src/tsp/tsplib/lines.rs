//! The lines of a TSPLIB file with their numbers, and the files themselves with their limits.

use std::fs::File;
use std::io::Read;
use std::iter::Peekable;
use std::path::Path;
use std::str;

use super::ReadError;

/// The most bytes read from a file: room for a full matrix of the largest explicit instance.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// The text of a file, unless it is too large or no text.
pub(super) fn read_text(path: &Path) -> Result<String, ReadError> {
    let io_error = |source| ReadError::Io { path: path.to_owned(), source };
    let file = File::open(path).map_err(io_error)?;
    let mut bytes = Vec::new();
    // One byte more than allowed tells a file that is too large from one that just fits.
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(io_error)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(ReadError::TooLarge { limit: MAX_FILE_BYTES });
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        ReadError::NotUtf8 { line: 1 + valid.iter().filter(|&&byte| byte == b'\n').count() }
    })
}

/// The lines up to `EOF` that are not blank, trimmed and numbered from 1.
pub(super) struct Lines<'a> {
    rest: Peekable<Box<dyn Iterator<Item = (usize, &'a str)> + 'a>>,
    current: usize,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let lines = text
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line.trim()))
            .filter(|(_, line)| !line.is_empty())
            .take_while(|(_, line)| !is_end(line));
        let rest: Box<dyn Iterator<Item = (usize, &'a str)> + 'a> = Box::new(lines);
        Self { rest: rest.peekable(), current: 1 }
    }

    /// The next line, if it is one of data: data start with a digit or a sign, keywords with a letter.
    ///
    /// `nan` and `inf` count as data, to be refused as what they are.
    pub(super) fn next_data(&mut self) -> Option<(usize, &'a str)> {
        let (_, line) = self.rest.peek()?;
        if is_data(line) { self.next() } else { None }
    }

    /// The number of the line delivered last, or 1 before the first.
    pub(super) fn current(&self) -> usize {
        self.current
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = (usize, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let (number, line) = self.rest.next()?;
        self.current = number;
        Some((number, line))
    }
}

/// Whether a line belongs to a section rather than naming a keyword.
pub(super) fn is_data(line: &str) -> bool {
    let first = line.split_whitespace().next().unwrap_or_default();
    line.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.'))
        || first.parse::<f64>().is_ok()
}

/// What of a line goes into a message: a hostile line can be megabytes long.
pub(super) fn excerpt(text: &str) -> String {
    const CHARS: usize = 40;
    let mut short: String = text.chars().take(CHARS).flat_map(char::escape_debug).collect();
    if text.chars().nth(CHARS).is_some() {
        short.push('…');
    }
    short
}

fn is_end(line: &str) -> bool {
    line.eq_ignore_ascii_case("EOF")
}
