//! What a slot is used for, in order of importance.

use std::fmt;

/// What a slot is used for. A greater status may take the slot of a lesser one, never the reverse.
///
/// The strings of [`as_str`](Self::as_str) are public: they label metrics and logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SlotStatus {
    /// Nothing runs in it.
    Empty,
    /// It runs an offer, or what an offer expanded into.
    UnprotectedExternal,
    /// It runs an assistant that a request of this server expanded into.
    UnprotectedInternal,
    /// It runs a request, which is never stopped but when its server shuts down.
    Protected,
}

impl SlotStatus {
    /// Every status, from the least to the most important.
    pub const ALL: [Self; 4] =
        [Self::Empty, Self::UnprotectedExternal, Self::UnprotectedInternal, Self::Protected];

    /// The public name of this status, which never changes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::UnprotectedExternal => "unprotected_external",
            Self::UnprotectedInternal => "unprotected_internal",
            Self::Protected => "protected",
        }
    }

    /// True for a task that may be stopped to make room.
    pub const fn is_unprotected(self) -> bool {
        matches!(self, Self::UnprotectedExternal | Self::UnprotectedInternal)
    }
}

impl fmt::Display for SlotStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
