//! How a message is written in a stream: as an entry with the fields `headers` and `body`.
//!
//! Redis has no headers, so they are lines of text, `name: value`, with types as [`text`] writes them. A field for each
//! header would look nicer, but a script can't copy an entry of thousands of fields: Lua's stack ends before.

use std::fmt::Write;

use bytes::Bytes;
use occamy_core::transport::{header, text};
use occamy_core::{Error, ErrorKind, Headers};

/// The fields of an entry, as Redis gives them.
pub(super) type Fields = Vec<(Bytes, Bytes)>;

/// Entries with their ids.
pub(super) type Entries = Vec<(String, Fields)>;

/// What reading streams is answered, each with its key. None if nothing came in time.
pub(super) type Streams = Option<Vec<(String, Entries)>>;

/// The names of the fields.
pub(super) const HEADERS: &str = "headers";
pub(super) const BODY: &str = "body";

/// What is in an entry.
#[derive(Debug, PartialEq)]
pub(super) struct Entry {
    /// Those that a handler is to see.
    pub(super) headers: Headers,
    pub(super) attempt: u32,
    pub(super) body: Bytes,
}

/// An entry that can't be understood. Its headers are kept as they came.
#[derive(Debug)]
pub(super) struct Malformed {
    pub(super) headers: Bytes,
    pub(super) error: Error,
}

impl Entry {
    /// Reads an entry. One without headers or body has none; other fields are nothing to us.
    pub(super) fn read(fields: Fields) -> Result<Self, Malformed> {
        let (mut lines, mut body) = (Bytes::new(), Bytes::new());
        for (name, value) in fields {
            match &*name {
                name if name == HEADERS.as_bytes() => lines = value,
                name if name == BODY.as_bytes() => body = value,
                _ => {}
            }
        }
        let headers = decode(&lines).map_err(|error| Malformed { headers: lines, error })?;
        let (headers, attempt) = header::take_own(headers);
        Ok(Self { headers, attempt, body })
    }

    /// The headers of a copy that is to be handed out as this attempt.
    pub(super) fn again(&self, attempt: u32) -> String {
        encode(&self.headers.clone().with(header::ATTEMPT, i64::from(attempt)))
    }

    /// The headers of a dead letter.
    pub(super) fn dead(&self, error: &Error, origin: &str) -> String {
        encode(&header::bury(self.headers.clone(), error, origin, self.attempt))
    }
}

impl Malformed {
    /// The headers of a dead letter: as they came, and why nobody could read them.
    pub(super) fn dead(&self, origin: &str) -> Vec<u8> {
        let why = encode(&header::bury(Headers::new(), &self.error, origin, 1));
        [&self.headers, &b"\n"[..], why.as_bytes()].concat()
    }
}

/// Headers as lines.
pub(super) fn encode(headers: &Headers) -> String {
    let mut lines = String::new();
    for (name, value) in text::encode(headers) {
        writeln!(lines, "{name}: {value}").expect("a string takes everything");
    }
    lines
}

/// Lines as headers, ours included.
pub(super) fn decode(lines: &[u8]) -> Result<Headers, Error> {
    let mut headers = Vec::new();
    for line in lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        let colon = line.iter().position(|&byte| byte == b':').ok_or_else(|| {
            Error::new(ErrorKind::InvalidHeaders, "a line of the headers has no colon: write `name: value`")
        })?;
        let value = &line[colon + 1..];
        headers.push((String::from_utf8_lossy(&line[..colon]), value.strip_prefix(b" ").unwrap_or(value)));
    }
    text::decode(headers.iter().map(|(name, value)| (&**name, *value)))
}

#[cfg(test)]
mod tests;
