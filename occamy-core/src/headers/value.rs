//! One header value: the few types that every broker can carry, one way or another.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;

use super::Headers;
use crate::{Error, ErrorKind};

/// The value of a header.
///
/// Each type comes back from every broker as it was sent. What else a broker knows is mapped to these:
///
/// | on the broker | here |
/// | --- | --- |
/// | AMQP integers of 8 to 64 bits, signed or not | [`Integer`](Self::Integer) |
/// | AMQP float, double | [`Float`](Self::Float) |
/// | AMQP decimal | [`String`](Self::String), exactly as many digits: a float would round it |
/// | AMQP short and long string, a plain NATS or Kafka header | [`String`](Self::String), or [`Bytes`](Self::Bytes) if it isn't UTF-8 |
/// | AMQP void, a Kafka header without a value | [`Null`](Self::Null) |
///
/// There is one integer type because no broker has an unsigned one of 64 bits. Greater numbers go as strings.
///
/// Cloning is cheap. Lists and tables can't be nested deeper than [`MAX_DEPTH`](Self::MAX_DEPTH), which is checked
/// where one is built, so a value that exists can be compared, printed and dropped without a thought for the stack.
///
/// Two values are equal if type and content are. Floats compare as floats do, so a NaN is not equal to itself.
#[derive(Clone, Default, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// No value. That isn't the same as no header.
    #[default]
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A floating-point number.
    Float(f64),
    /// A text.
    String(Arc<str>),
    /// Bytes of any kind.
    Bytes(Bytes),
    /// Seconds since 1970 began in UTC, as AMQP has it.
    Timestamp(u64),
    /// Values in order. See [`Value::list`].
    List(List),
    /// Names with values. See [`Value::table`].
    Table(Table),
}

impl Value {
    /// How deep lists and tables may be nested: a list of numbers has depth 1.
    pub const MAX_DEPTH: usize = 512;

    /// How many bytes a list or a table may have: 16 MiB, more than any broker takes by default.
    ///
    /// Values are shared when cloned, so that a small program can build a list that takes ages to print.
    pub const MAX_SIZE: usize = 16 << 20;

    /// A list of these values.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidHeaders`] if it would be nested deeper than [`MAX_DEPTH`](Self::MAX_DEPTH) or be greater
    /// than [`MAX_SIZE`](Self::MAX_SIZE).
    pub fn list(items: impl IntoIterator<Item = impl Into<Self>>) -> Result<Self, Error> {
        List::try_from(items.into_iter().map(Into::into).collect::<Vec<_>>()).map(Self::List)
    }

    /// A table of these names with values.
    ///
    /// # Errors
    ///
    /// As of [`list`](Self::list).
    pub fn table(headers: Headers) -> Result<Self, Error> {
        Table::try_from(headers).map(Self::Table)
    }

    /// How deep lists and tables are nested in here: 0 if it is neither.
    pub fn depth(&self) -> usize {
        match self {
            Self::List(list) => list.0.depth,
            Self::Table(table) => table.0.depth,
            _ => 0,
        }
    }

    /// The size in bytes: the length of strings and bytes, 8 for numbers, 1 for bool and null, 1 more for each value
    /// of a list, and the names of a table.
    pub fn size(&self) -> usize {
        match self {
            Self::Null | Self::Bool(_) => 1,
            Self::Integer(_) | Self::Float(_) | Self::Timestamp(_) => 8,
            Self::String(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
            Self::List(list) => list.0.size,
            Self::Table(table) => table.0.size,
        }
    }

    /// True if they are equal but for the order of names in tables.
    pub fn eq_unordered(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::List(ours), Self::List(theirs)) => {
                ours.len() == theirs.len() && ours.iter().zip(&**theirs).all(|(a, b)| a.eq_unordered(b))
            }
            (Self::Table(ours), Self::Table(theirs)) => ours.eq_unordered(theirs),
            _ => self == other,
        }
    }

    /// The type, with its article, for messages to people.
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a bool",
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a float",
            Self::String(_) => "a string",
            Self::Bytes(_) => "bytes",
            Self::Timestamp(_) => "a timestamp",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// A list of values, which can be read like a slice. Immutable, so that its depth is known.
#[derive(Clone, PartialEq)]
pub struct List(Arc<Nested<Vec<Value>>>);

/// Names with values inside a value, which can be read like [`Headers`]. Immutable, so that its depth is known.
#[derive(Clone, PartialEq)]
pub struct Table(Arc<Nested<Headers>>);

/// What is nested, and what it would take to measure it again.
#[derive(PartialEq)]
struct Nested<T> {
    content: T,
    depth: usize,
    size: usize,
}

impl<T> Nested<T> {
    fn new(content: T, content_depth: usize, size: usize) -> Result<Arc<Self>, Error> {
        if content_depth >= Value::MAX_DEPTH {
            let message = format!("lists and tables may be nested {} deep, not deeper", Value::MAX_DEPTH);
            return Err(Error::new(ErrorKind::InvalidHeaders, message));
        }
        if size > Value::MAX_SIZE {
            let message = format!("a list or table of {size} bytes: the limit is {} bytes", Value::MAX_SIZE);
            return Err(Error::new(ErrorKind::InvalidHeaders, message));
        }
        Ok(Arc::new(Self { content, depth: content_depth + 1, size }))
    }
}

impl TryFrom<Vec<Value>> for List {
    type Error = Error;

    fn try_from(items: Vec<Value>) -> Result<Self, Error> {
        let depth = items.iter().map(Value::depth).max().unwrap_or(0);
        let size =
            items.iter().fold(0_usize, |size, item| size.saturating_add(1).saturating_add(item.size()));
        Nested::new(items, depth, size).map(Self)
    }
}

impl TryFrom<Headers> for Table {
    type Error = Error;

    fn try_from(headers: Headers) -> Result<Self, Error> {
        let (depth, size) = (headers.depth(), headers.size());
        Nested::new(headers, depth, size).map(Self)
    }
}

impl Deref for List {
    type Target = [Value];

    fn deref(&self) -> &[Value] {
        &self.0.content
    }
}

impl Deref for Table {
    type Target = Headers;

    fn deref(&self) -> &Headers {
        &self.0.content
    }
}

/// On one line, in the manner of JSON, also where `{:#?}` asks for more: that keeps each level of nesting to one small
/// frame of the stack.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_value(self, f)
    }
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_list(self, f)
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_table(self, f)
    }
}

pub(super) fn write_table(headers: &Headers, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("{")?;
    for (index, (name, value)) in headers.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        write!(f, "{comma}{name:?}: ")?;
        write_value(value, f)?;
    }
    f.write_str("}")
}

fn write_list(items: &[Value], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("[")?;
    for (index, item) in items.iter().enumerate() {
        f.write_str(if index == 0 { "" } else { ", " })?;
        write_value(item, f)?;
    }
    f.write_str("]")
}

fn write_value(value: &Value, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match value {
        Value::Null => f.write_str("null"),
        Value::Bool(truth) => fmt::Debug::fmt(truth, f),
        Value::Integer(number) => fmt::Debug::fmt(number, f),
        Value::Float(number) => fmt::Debug::fmt(number, f),
        Value::String(text) => fmt::Debug::fmt(text, f),
        Value::Bytes(bytes) => fmt::Debug::fmt(bytes, f),
        Value::Timestamp(seconds) => write!(f, "timestamp {seconds}"),
        Value::List(list) => write_list(list, f),
        Value::Table(table) => write_table(table, f),
    }
}
