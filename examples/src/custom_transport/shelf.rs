//! Requests that were fetched and not yet handed out: how many may be, and how many are too many.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use occamy_core::Error;
use tokio::sync::Notify;

/// Between who fetches and the stream that hands out.
pub(super) struct Shelf<T> {
    state: Mutex<State<T>>,
    /// Notified when there may be something to hand out.
    filled: Notify,
    /// Notified when there may be something to fetch or to give back.
    changed: Notify,
}

struct State<T> {
    /// How many more the server would start.
    credit: usize,
    /// How many of its requests are being settled: they count against the credit.
    settling: usize,
    fetched: VecDeque<T>,
    errors: VecDeque<Error>,
}

impl<T> State<T> {
    /// How many may be handed out.
    fn room(&self) -> usize {
        self.credit.saturating_sub(self.settling)
    }
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        let state = State { credit: 0, settling: 0, fetched: VecDeque::new(), errors: VecDeque::new() };
        Self { state: Mutex::new(state), filled: Notify::new(), changed: Notify::new() }
    }
}

impl<T> Shelf<T> {
    /// The server asks for a request, and would start so many. It does so until the guard is dropped.
    pub(super) fn ask(&self, credit: usize) -> Asking<'_, T> {
        self.lock().credit = credit;
        self.changed.notify_one();
        Asking { shelf: self, answered: false }
    }

    /// Resolves when there may be something to fetch or to give back.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// How many are to be fetched.
    pub(super) fn wanted(&self) -> usize {
        let state = self.lock();
        state.room().saturating_sub(state.fetched.len())
    }

    /// Those that are more than can be handed out, the last ones first.
    pub(super) fn surplus(&self) -> Option<T> {
        let mut state = self.lock();
        if state.fetched.len() > state.room() { state.fetched.pop_back() } else { None }
    }

    /// Puts one there that was fetched.
    pub(super) fn put(&self, fetched: T) {
        self.lock().fetched.push_back(fetched);
        self.filled.notify_one();
    }

    /// Puts an error there, which is told before anything else.
    pub(super) fn fail(&self, error: Error) {
        self.lock().errors.push_back(error);
        self.filled.notify_one();
    }

    /// Takes all that is there: nothing more is handed out.
    pub(super) fn clear(&self) -> VecDeque<T> {
        let mut state = self.lock();
        state.credit = 0;
        std::mem::take(&mut state.fetched)
    }

    /// A settlement is under way until the guard is dropped.
    pub(super) fn settling(self: &Arc<Self>) -> Settling<T> {
        self.lock().settling += 1;
        Settling(Arc::clone(self))
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A server waits for a request.
pub(super) struct Asking<'a, T> {
    shelf: &'a Shelf<T>,
    answered: bool,
}

impl<T> Asking<'_, T> {
    /// Resolves when it is worth looking again.
    pub(super) async fn filled(&self) {
        self.shelf.filled.notified().await;
    }

    /// What it is given: nothing yet, if there is none.
    pub(super) fn take(&mut self) -> Option<Result<T, Error>> {
        let mut state = self.shelf.lock();
        if state.room() == 0 {
            return None;
        }
        if let Some(error) = state.errors.pop_front() {
            return Some(Err(error));
        }
        let taken = state.fetched.pop_front()?;
        // It will ask for the others next.
        state.credit -= 1;
        self.answered = true;
        Some(Ok(taken))
    }
}

/// Who stops asking gets nothing more.
impl<T> Drop for Asking<'_, T> {
    fn drop(&mut self) {
        if !self.answered {
            self.shelf.lock().credit = 0;
            self.shelf.changed.notify_one();
        }
    }
}

/// A settlement under way.
pub(super) struct Settling<T>(Arc<Shelf<T>>);

impl<T> Drop for Settling<T> {
    fn drop(&mut self) {
        self.0.lock().settling -= 1;
        self.0.filled.notify_one();
        self.0.changed.notify_one();
    }
}

#[cfg(test)]
mod tests;
