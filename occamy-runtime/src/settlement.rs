//! Settling messages: once each, without making anybody wait for the broker.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use occamy_core::{Error, Message, Observation, Verdict, VerdictKind};

use crate::caught::{caught, panicked};
use crate::shared::Shared;

impl Shared {
    /// Settles a message. The future is polled once right here, since most brokers only have to write a few bytes; what
    /// is not done by then goes on elsewhere. Returns what there is to observe of it, if that is known by then.
    pub(crate) fn settle(
        self: &Arc<Self>,
        message: Box<dyn Message>,
        verdict: Verdict,
        group: Arc<str>,
    ) -> Option<Observation> {
        let _context = self.runtime.enter();
        let verdict_kind = verdict.kind();
        let error_kind = verdict_kind.unsettled();
        let settlement = match caught(error_kind, || message.settle(verdict)) {
            Ok(settlement) => settlement,
            Err(panic) => return Some(settled(Err(panic), verdict_kind, group)),
        };
        let mut settlement = AssertUnwindSafe(settlement)
            .catch_unwind()
            .map(move |result| result.unwrap_or_else(|payload| Err(panicked(error_kind, payload))))
            .boxed();
        if let Some(result) = (&mut settlement).now_or_never() {
            return Some(settled(result, verdict_kind, group));
        }
        let shared = Arc::clone(self);
        let rest = async move {
            let result = settlement.await;
            shared.tell_monitors_of(vec![settled(result, verdict_kind, group)]);
        };
        self.settlements.spawn_on(rest, &self.runtime);
        None
    }

    /// Settles a message, and leaves what there is to observe to whoever tells the monitors next.
    pub(crate) fn settle_now(self: &Arc<Self>, message: Box<dyn Message>, verdict: Verdict, group: Arc<str>) {
        if let Some(observation) = self.settle(message, verdict, group) {
            self.desk.observe(observation);
        }
    }
}

fn settled(result: Result<(), Error>, verdict: VerdictKind, group: Arc<str>) -> Observation {
    match result {
        Ok(()) => Observation::Settled { verdict },
        Err(error) => Observation::Failed { group, error },
    }
}
