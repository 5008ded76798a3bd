//! What a program writes, line by line.

use std::borrow::Cow;

/// A line that the program of a [`CommandTask`](crate::CommandTask) has written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct OutputLine<'a> {
    /// Where it was written to.
    pub stream: OutputStream,
    /// The line without its end. It need not be UTF-8: see [`text`](Self::text).
    pub bytes: &'a [u8],
    /// True if the line was longer than what is kept of one: the rest of it was skipped.
    pub cut: bool,
}

impl<'a> OutputLine<'a> {
    /// A line of this stream.
    pub fn new(stream: OutputStream, bytes: &'a [u8], cut: bool) -> Self {
        Self { stream, bytes, cut }
    }

    /// The line as text, with U+FFFD for what isn't UTF-8.
    pub fn text(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.bytes)
    }
}

/// Where a program writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OutputStream {
    /// Its standard output.
    Stdout,
    /// Its standard error.
    Stderr,
}

impl OutputStream {
    /// The name: `stdout` or `stderr`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}
