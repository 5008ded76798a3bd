//! One handle for each value of a label.

/// A handle for each value of a label: few enough that looking through them is the quickest way.
#[derive(Debug)]
pub(crate) struct Labelled<V, H>(Box<[(V, H)]>);

impl<V: Copy + PartialEq, H> Labelled<V, H> {
    pub(crate) fn new(values: &[V], handle: impl Fn(V) -> H) -> Self {
        Self(values.iter().map(|&value| (value, handle(value))).collect())
    }

    /// `None` for a value that is newer than this crate.
    pub(crate) fn get(&self, value: V) -> Option<&H> {
        self.0.iter().find(|(it, _)| *it == value).map(|(_, handle)| handle)
    }
}
