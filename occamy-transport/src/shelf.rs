//! Requests that were fetched and not yet taken: how many are wanted, and what is too much.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use occamy_core::transport::RequestStream;
use occamy_core::{BoxFuture, Error, Message};
use tokio::sync::Notify;

/// How many errors wait for the server to hear of them. More would be more of the same.
const ERRORS: usize = 16;

/// What lies between who fetches requests and the [stream](Requests) from which a server takes them. Clones share it.
///
/// Who fetches asks how many are [missing](Self::missing), puts them there, and gives back the
/// [surplus](Self::take_surplus), whenever something has [changed](Self::changed). When the server
/// [drains](Self::is_draining) it gives back what is left, and says so by [`finish_draining`](Self::finish_draining).
pub struct Shelf<R>(Arc<Inner<R>>);

struct Inner<R> {
    state: Mutex<State<R>>,
    /// There may be something to take, or no more to come.
    filled: Notify,
    /// There may be something to fetch, or to give back.
    changed: Notify,
    /// The last one was given back.
    drained: Notify,
}

struct State<R> {
    /// How many requests the server would start now.
    credit: usize,
    /// How many settlements are under way, which count against it.
    settling: usize,
    /// How many of these have begun since the server told its credit. The slots of their tasks are not in it yet.
    begun: usize,
    /// How often it has told it.
    told: u64,
    /// The greatest that it has told: its slots, or nearly. The last one is small where most of them are taken.
    most: usize,
    /// How many acknowledgements are on their way.
    acknowledging: usize,
    fetched: VecDeque<R>,
    errors: VecDeque<Error>,
    phase: Phase,
}

/// It only goes on, never back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Open,
    Draining,
    Drained,
    Closed,
}

impl<R> State<R> {
    fn wanted(&self) -> usize {
        let taken = self.settling + self.acknowledging.saturating_sub(self.most);
        if self.phase == Phase::Open { self.credit.saturating_sub(taken) } else { 0 }
    }

    /// How many the server takes once it has told its credit again. Or a settlement would take its request's place away twice
    /// for a moment, and something would be given back that is wanted. Acknowledgements take none away: they are through soon.
    fn kept(&self) -> usize {
        if self.phase == Phase::Open { self.credit.saturating_sub(self.settling - self.begun) } else { 0 }
    }

    fn missing(&self) -> usize {
        self.wanted().saturating_sub(self.fetched.len())
    }

    fn surplus(&self) -> usize {
        self.fetched.len().saturating_sub(self.kept())
    }
}

impl<R> Shelf<R> {
    /// Nothing is on it, and nothing wanted.
    pub fn new() -> Self {
        let state = State {
            credit: 0,
            settling: 0,
            begun: 0,
            told: 0,
            most: 0,
            acknowledging: 0,
            fetched: VecDeque::new(),
            errors: VecDeque::new(),
            phase: Phase::Open,
        };
        Self(Arc::new(Inner {
            state: Mutex::new(state),
            filled: Notify::new(),
            changed: Notify::new(),
            drained: Notify::new(),
        }))
    }

    /// How many requests are to be fetched now.
    pub fn missing(&self) -> usize {
        self.state().missing()
    }

    /// How many requests are wanted on the shelf now, those that are there already included.
    pub fn wanted(&self) -> usize {
        self.state().wanted()
    }

    /// How many requests are there.
    pub fn fetched(&self) -> usize {
        self.state().fetched.len()
    }

    /// Puts a request there. One that comes too late, because nothing is handed out any more, comes back.
    #[must_use = "what comes back is to be given back"]
    pub fn put(&self, request: R) -> Option<R> {
        let mut state = self.state();
        if state.phase >= Phase::Drained {
            return Some(request);
        }
        state.fetched.push_back(request);
        drop(state);
        self.0.filled.notify_one();
        None
    }

    /// Has the server hear of an error, unless it has many to hear of already.
    pub fn fail(&self, error: Error) {
        let mut state = self.state();
        if state.errors.len() < ERRORS {
            state.errors.push_back(error);
        }
        drop(state);
        self.0.filled.notify_one();
    }

    /// Takes away what was fetched beyond what is wanted, the youngest first: it is to be given back.
    pub fn take_surplus(&self) -> Vec<R> {
        let mut state = self.state();
        let kept = state.fetched.len() - state.surplus();
        state.fetched.drain(kept..).rev().collect()
    }

    /// Takes away everything, because it has lost its worth: the connection that it came by is gone.
    pub fn take_all(&self) -> Vec<R> {
        self.state().fetched.drain(..).collect()
    }

    /// Resolves when there may be something to fetch or to give back. For one who waits.
    ///
    /// # Cancel safety
    ///
    /// No change is missed.
    pub async fn changed(&self) {
        self.0.changed.notified().await;
    }

    /// As long as the guard lives a settlement counts against the credit.
    pub fn settling(&self) -> Settling<R> {
        let mut state = self.state();
        state.settling += 1;
        state.begun += 1;
        let told = state.told;
        drop(state);
        Settling { shelf: self.clone(), told }
    }

    /// As long as the guard lives an acknowledgement is on its way. It holds no slot, or each would be idle until the broker has
    /// answered and then until it has sent the next request. But of more than the server has slots, those beyond count against
    /// the credit: a broker that takes none may still hand out requests. So no more than twice the slots are unsettled.
    pub fn acknowledging(&self) -> Acknowledging<R> {
        let mut state = self.state();
        state.acknowledging += 1;
        let told = state.told;
        drop(state);
        Acknowledging { shelf: self.clone(), told }
    }

    /// Nothing more is handed out: the stream ends.
    pub fn drain(&self) {
        self.enter(Phase::Draining);
    }

    /// True if what is left is to be given back.
    pub fn is_draining(&self) -> bool {
        self.state().phase == Phase::Draining
    }

    /// True if nothing more is to come.
    pub fn is_drained(&self) -> bool {
        self.state().phase >= Phase::Drained
    }

    /// Takes away what is left. From here on nothing can be put there.
    pub fn finish_draining(&self) -> Vec<R> {
        let left = self.take_all();
        self.enter(Phase::Drained);
        left
    }

    /// Resolves when nothing is left.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn drained(&self) {
        loop {
            // It counts from here on, polled or not.
            let drained = self.0.drained.notified();
            if self.state().phase >= Phase::Drained {
                return;
            }
            drained.await;
        }
    }

    /// The connection has ended. Takes away what is left.
    pub fn close(&self) -> Vec<R> {
        self.enter(Phase::Closed);
        self.take_all()
    }

    /// True if the connection has ended.
    pub fn is_closed(&self) -> bool {
        self.state().phase == Phase::Closed
    }

    /// The stream of what is put here. As long as it lives it keeps this alive, which is the connection as a rule.
    pub fn stream(&self, keep: Arc<dyn Any + Send + Sync>) -> Requests<R> {
        Requests { shelf: self.clone(), _keep: keep }
    }

    fn enter(&self, phase: Phase) {
        let mut state = self.state();
        state.phase = state.phase.max(phase);
        drop(state);
        self.0.changed.notify_one();
        self.0.filled.notify_one();
        self.0.drained.notify_waiters();
    }

    /// The server says how many requests it would start now.
    fn tell(&self, credit: usize) {
        let mut state = self.state();
        let before = (state.missing(), state.surplus());
        state.credit = credit;
        state.most = state.most.max(credit);
        state.begun = 0;
        state.told += 1;
        let changed = (state.missing(), state.surplus()) != before;
        drop(state);
        if changed {
            self.0.changed.notify_one();
        }
    }

    fn next(&self) -> Option<Next<R>> {
        let mut state = self.state();
        if state.phase > Phase::Open {
            return Some(Next::End);
        }
        if let Some(error) = state.errors.pop_front() {
            return Some(Next::Error(error));
        }
        if state.wanted() == 0 {
            return None;
        }
        let request = state.fetched.pop_front()?;
        // It will ask for the others next. What is missing stays as it is.
        state.credit -= 1;
        Some(Next::Request(request))
    }

    fn state(&self) -> MutexGuard<'_, State<R>> {
        // Nothing that holds the lock leaves it half changed.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a server is given.
enum Next<R> {
    Request(R),
    Error(Error),
    End,
}

impl<R> Default for Shelf<R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R> Clone for Shelf<R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<R> fmt::Debug for Shelf<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Shelf")
            .field("credit", &state.credit)
            .field("settling", &state.settling)
            .field("acknowledging", &state.acknowledging)
            .field("fetched", &state.fetched.len())
            .field("phase", &state.phase)
            .finish_non_exhaustive()
    }
}

/// A settlement that is under way.
#[derive(Debug)]
pub struct Settling<R> {
    shelf: Shelf<R>,
    /// How often the server had told its credit.
    told: u64,
}

impl<R> Drop for Settling<R> {
    fn drop(&mut self) {
        let mut state = self.shelf.state();
        state.settling -= 1;
        state.begun -= usize::from(self.told == state.told);
        let lies = !state.fetched.is_empty();
        drop(state);
        // Though nothing be missing: a broker that would bring something in its place may have to be told not to.
        self.shelf.0.changed.notify_one();
        if lies {
            self.shelf.0.filled.notify_one();
        }
    }
}

/// An acknowledgement that is on its way.
#[derive(Debug)]
pub struct Acknowledging<R> {
    shelf: Shelf<R>,
    /// How often the server had told its credit.
    told: u64,
}

impl<R> Acknowledging<R> {
    /// It did not arrive: from here on the request counts as one that is being settled.
    pub fn into_settling(self) -> Settling<R> {
        let mut state = self.shelf.state();
        state.settling += 1;
        state.begun += usize::from(self.told == state.told);
        let too_many = state.surplus() > 0;
        drop(state);
        if too_many {
            self.shelf.0.changed.notify_one();
        }
        Settling { shelf: self.shelf.clone(), told: self.told }
    }
}

impl<R> Drop for Acknowledging<R> {
    fn drop(&mut self) {
        let mut state = self.shelf.state();
        let before = state.wanted();
        state.acknowledging -= 1;
        let frees = state.wanted() != before;
        drop(state);
        if frees {
            self.shelf.0.changed.notify_one();
            self.shelf.0.filled.notify_one();
        }
    }
}

/// The stream of the requests on a [`Shelf`].
pub struct Requests<R> {
    shelf: Shelf<R>,
    _keep: Arc<dyn Any + Send + Sync>,
}

impl<R: Message> RequestStream for Requests<R> {
    fn next(&mut self, credit: usize) -> BoxFuture<'_, Result<Option<Box<dyn Message>>, Error>> {
        let shelf = &self.shelf;
        async move {
            shelf.tell(credit);
            loop {
                match shelf.next() {
                    Some(Next::Request(request)) => return Ok(Some(Box::new(request) as Box<dyn Message>)),
                    Some(Next::Error(error)) => return Err(error),
                    Some(Next::End) => return Ok(None),
                    None => shelf.0.filled.notified().await,
                }
            }
        }
        .boxed()
    }
}

impl<R> fmt::Debug for Requests<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requests").field("shelf", &self.shelf).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
