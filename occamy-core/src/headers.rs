//! The headers of a message: ordered names with typed values.

mod convert;
mod get;
mod iter;
mod value;

pub(crate) use get::quoted;
pub use iter::Iter;
pub use value::{List, Table, Value};

use std::fmt;
use std::sync::Arc;

/// The headers of a message: names with typed [values](Value), in the order in which they were added.
///
/// Names are case-sensitive, as they are on every broker but in HTTP: `task-id` and `Task-Id` are two headers. A name
/// may be there more than once, because some brokers allow it; [`get`](Self::get) and the typed accessors take the
/// first. RabbitMQ can't carry a name twice, and NATS and RabbitMQ lose the order: what depends on either belongs into
/// the body.
///
/// Lookups go through the names one by one, which is the fastest for the dozen headers that a message has.
///
/// ```
/// use occamy_core::{ErrorKind, Headers};
///
/// let headers = Headers::new().with("task-id", "route-7").with("vehicles", 12);
/// assert_eq!(headers.string("task-id")?, "route-7");
/// assert_eq!(headers.integer("vehicles")?, 12);
/// assert_eq!(headers.optional_string("group")?, None);
///
/// let error = headers.string("vehicles").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::InvalidHeaders);
/// assert_eq!(error.message(), r#"header "vehicles": expected a string, found an integer"#);
/// # Ok::<(), occamy_core::Error>(())
/// ```
#[derive(Clone, Default, PartialEq)]
pub struct Headers {
    entries: Vec<(Arc<str>, Value)>,
}

impl Headers {
    /// No headers.
    pub const fn new() -> Self {
        Self { entries: Vec::new() }
    }

    /// No headers yet, with room for this many.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { entries: Vec::with_capacity(capacity) }
    }

    /// These headers with one more, as by [`insert`](Self::insert).
    #[must_use]
    pub fn with(mut self, name: impl Into<Arc<str>>, value: impl Into<Value>) -> Self {
        self.insert(name, value);
        self
    }

    /// Sets a header. One that is there already keeps its place and gets the new value, further ones of that name go.
    ///
    /// Returns the value that was there first, if any.
    pub fn insert(&mut self, name: impl Into<Arc<str>>, value: impl Into<Value>) -> Option<Value> {
        let (name, value) = (name.into(), value.into());
        let Some(first) = self.position(&name) else {
            self.entries.push((name, value));
            return None;
        };
        let old = std::mem::replace(&mut self.entries[first].1, value);
        let mut index = 0;
        self.entries.retain(|entry| {
            index += 1;
            index <= first + 1 || entry.0 != name
        });
        Some(old)
    }

    /// Adds a header at the end, even if there is one of that name. Takes no time to look, so this is the way to build
    /// headers from the wire.
    pub fn append(&mut self, name: impl Into<Arc<str>>, value: impl Into<Value>) {
        self.entries.push((name.into(), value.into()));
    }

    /// Removes every header of this name. Returns the first value, if any.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        let first = self.position(name)?;
        let (_, removed) = self.entries.remove(first);
        self.entries.retain(|entry| &*entry.0 != name);
        Some(removed)
    }

    /// Removes all headers.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// True if there is a header of this name, whatever its value, null included.
    pub fn contains(&self, name: &str) -> bool {
        self.position(name).is_some()
    }

    /// All headers in their order.
    pub fn iter(&self) -> Iter<'_> {
        Iter::new(&self.entries)
    }

    /// How many headers there are, those of the same name counted one by one.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The size in bytes: of the names, and of the [values](Value::size).
    ///
    /// This is about what the headers take on the wire, and what counts against the bound on offers.
    pub fn size(&self) -> usize {
        self.iter()
            .fold(0, |size, (name, value)| size.saturating_add(name.len()).saturating_add(value.size()))
    }

    /// How deep lists and tables are nested in here: 0 if there are none.
    pub fn depth(&self) -> usize {
        self.iter().map(|(_, value)| value.depth()).max().unwrap_or(0)
    }

    /// True if the same names have the same values, in whatever order; nested tables included.
    ///
    /// This is the equality that survives brokers which lose the order. `==` minds it.
    pub fn eq_unordered(&self, other: &Self) -> bool {
        if self.len() != other.len() {
            return false;
        }
        let (ours, theirs) = (self.sorted(), other.sorted());
        ours.iter().zip(&theirs).all(|(ours, theirs)| ours.0 == theirs.0 && ours.1.eq_unordered(theirs.1))
    }

    /// By name; headers of the same name stay in their order.
    fn sorted(&self) -> Vec<(&str, &Value)> {
        let mut entries: Vec<_> = self.iter().collect();
        entries.sort_by_key(|&(name, _)| name);
        entries
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.entries.iter().position(|entry| &*entry.0 == name)
    }
}

/// On one line, in the manner of JSON: `{"task-id": "route-7", "vehicles": 12}`.
impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        value::write_table(self, f)
    }
}

/// As by [`append`](Self::append).
impl<N: Into<Arc<str>>, V: Into<Value>> Extend<(N, V)> for Headers {
    fn extend<I: IntoIterator<Item = (N, V)>>(&mut self, headers: I) {
        self.entries.extend(headers.into_iter().map(|(name, value)| (name.into(), value.into())));
    }
}

/// As by [`append`](Self::append).
impl<N: Into<Arc<str>>, V: Into<Value>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(headers: I) -> Self {
        let mut all = Self::new();
        all.extend(headers);
        all
    }
}

/// As by [`append`](Self::append).
impl<N: Into<Arc<str>>, V: Into<Value>, const LEN: usize> From<[(N, V); LEN]> for Headers {
    fn from(headers: [(N, V); LEN]) -> Self {
        headers.into_iter().collect()
    }
}

#[cfg(test)]
mod tests;
