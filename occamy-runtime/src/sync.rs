//! The locks of this crate, in one place, so that a model checker can put its own there.

pub(crate) use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};

/// Locks, whatever became of the last holder: what is behind the locks of this crate is consistent after every statement
/// that can panic, since no user code runs under them.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
