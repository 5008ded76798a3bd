//! Which lines are unsettled, and whether anything is left to do.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use occamy_core::{Monitor, Observation, Process};
use tokio::sync::{Mutex, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore, watch};

use super::super::connection::End;

/// How many messages are unsettled at most. Then reading pauses.
pub(super) const MAX_MESSAGES: usize = 10_000;

/// How many bytes of messages are unsettled at most. Then reading pauses, but for a single message that is larger.
const MAX_BYTES: u32 = 256 << 20;

/// The unsettled lines. A clone is the same ledger.
#[derive(Clone, Debug)]
pub(super) struct Ledger {
    state: Arc<watch::Sender<State>>,
    messages: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct State {
    /// The unsettled lines, by their number.
    open: BTreeMap<u64, Open>,
    /// How many control messages were sent, and how many of them the server is through with. It may hold offers from some
    /// moment in between, and from then on `offers` knows of them.
    controls: Controls,
    /// How many offers the server holds.
    offers: usize,
    input_ended: bool,
    bad_input: bool,
    output_failed: Option<io::Error>,
}

#[derive(Debug, Default)]
struct Controls {
    sent: u64,
    handled: u64,
}

#[derive(Debug)]
struct Open {
    /// Held while an attempt is being settled.
    turn: Arc<Mutex<()>>,
    _room: [OwnedSemaphorePermit; 2],
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            state: Arc::default(),
            messages: Arc::new(Semaphore::new(MAX_MESSAGES)),
            bytes: Arc::new(Semaphore::new(MAX_BYTES as usize)),
        }
    }
}

impl Ledger {
    /// Enters a line as unsettled, as soon as there is room for it. False if the ledger was closed.
    pub(super) async fn open(&self, number: u64, size: usize, control: bool) -> bool {
        let size = u32::try_from(size).map_or(MAX_BYTES, |size| size.min(MAX_BYTES));
        let message = Arc::clone(&self.messages).acquire_owned().await;
        let bytes = Arc::clone(&self.bytes).acquire_many_owned(size).await;
        let (Ok(message), Ok(bytes)) = (message, bytes) else { return false };
        self.state.send_modify(|state| {
            state.open.insert(number, Open { turn: Arc::default(), _room: [message, bytes] });
            state.controls.sent += u64::from(control);
        });
        true
    }

    /// Opens no more lines. Those that are open stay so until they are settled.
    pub(super) fn close(&self) {
        self.messages.close();
        self.bytes.close();
    }

    /// Waits until no other attempt at a line is being settled: so its settlements are written in their order.
    pub(super) async fn turn(&self, number: u64) -> OwnedMutexGuard<()> {
        let turn = self.state.borrow().open.get(&number).map(|open| Arc::clone(&open.turn));
        turn.unwrap_or_default().lock_owned().await
    }

    /// A line is settled for good.
    pub(super) fn settled(&self, number: u64) {
        self.state.send_modify(|state| drop(state.open.remove(&number)));
    }

    /// No more lines come.
    pub(super) fn input_ended(&self, bad_input: bool) {
        self.state.send_modify(|state| {
            state.input_ended = true;
            state.bad_input = bad_input;
        });
    }

    /// Settlements can't be written any more. The first reason counts.
    pub(super) fn output_failed(&self, error: io::Error) {
        self.state.send_modify(|state| {
            state.output_failed.get_or_insert(error);
        });
    }

    /// Resolves when nothing more is to be done.
    pub(super) async fn end(&self) -> End {
        let mut state = self.state.subscribe();
        let done = state.wait_for(|state| state.output_failed.is_some() || state.is_done()).await;
        let done = done.expect("the ledger itself holds the sender");
        match &done.output_failed {
            Some(error) => End::OutputFailed(io::Error::new(error.kind(), error.to_string())),
            None => End::Settled { bad_input: done.bad_input },
        }
    }
}

impl State {
    fn is_done(&self) -> bool {
        self.input_ended
            && self.open.is_empty()
            && self.controls.handled == self.controls.sent
            && self.offers == 0
    }
}

/// Follows the offers. The server tells of an offer before it is through with the message.
impl Monitor for Ledger {
    fn record(&self, observation: &Observation) {
        match observation {
            Observation::Offers { held, .. } => self.state.send_modify(|state| state.offers = *held),
            Observation::Process { process: Process::HandleControlMessage, .. } => {
                self.state.send_modify(|state| state.controls.handled += 1);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    /// What opening a line comes to, if it need not wait.
    fn open(ledger: &Ledger, number: u64, size: usize) -> Option<bool> {
        ledger.open(number, size, false).now_or_never()
    }

    #[test]
    fn reading_pauses_while_too_many_messages_are_unsettled() {
        let ledger = Ledger::default();
        for number in 0..MAX_MESSAGES as u64 {
            assert_eq!(open(&ledger, number, 100), Some(true));
        }
        assert_eq!(open(&ledger, 10_001, 100), None);
        ledger.settled(7);
        assert_eq!(open(&ledger, 10_001, 100), Some(true));
        assert_eq!(open(&ledger, 10_002, 100), None);
    }

    #[test]
    fn reading_pauses_while_too_many_bytes_are_unsettled_but_not_for_ever() {
        let ledger = Ledger::default();
        let most = MAX_BYTES as usize;
        assert_eq!(open(&ledger, 1, most - 10), Some(true));
        assert_eq!(open(&ledger, 2, 10), Some(true));
        assert_eq!(open(&ledger, 3, 1), None);
        ledger.settled(1);
        assert_eq!(open(&ledger, 3, usize::MAX), None, "a large one waits until it is alone");
        ledger.settled(2);
        assert_eq!(open(&ledger, 3, usize::MAX), Some(true));
        assert_eq!(open(&ledger, 4, 0), Some(true), "an empty one takes no bytes");
        assert_eq!(open(&ledger, 5, 1), None);
    }

    #[test]
    fn a_closed_ledger_opens_no_line() {
        let ledger = Ledger::default();
        ledger.close();
        assert_eq!(open(&ledger, 1, 1), Some(false));
    }

    #[test]
    fn an_offer_is_not_done_before_the_server_is_through_with_it() {
        let ledger = Ledger::default();
        let is_done = || ledger.end().now_or_never().is_some();
        let took = std::time::Duration::ZERO;
        let through = Observation::Process { process: Process::HandleControlMessage, took };
        let held = |held| Observation::Offers { queued: 0, held, bytes: 0 };
        assert!(!is_done(), "the input has not ended");
        ledger.open(1, 1, true).now_or_never();
        ledger.input_ended(false);
        assert!(!is_done(), "it is not settled");
        ledger.settled(1);
        assert!(!is_done(), "nobody has told of the offer");
        ledger.record(&held(1));
        ledger.record(&through);
        assert!(!is_done(), "it is held");
        ledger.record(&held(0));
        assert!(is_done());
    }
}
