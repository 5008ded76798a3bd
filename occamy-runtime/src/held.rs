//! Requests of a transport that are not settled yet: they count against what is pulled.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::FutureExt;
use occamy_core::{BoxFuture, Error, Headers, LeaseWatch, Message, Verdict};
use tokio::sync::watch;

/// How many requests of one transport are unsettled.
pub(crate) struct Held {
    pub(crate) count: AtomicUsize,
    /// Rung when one is settled.
    pub(crate) room: watch::Sender<()>,
}

/// A request that counts until its settlement is through, or until it is dropped.
pub(crate) struct HeldMessage {
    message: Box<dyn Message>,
    place: Place,
}

struct Place(Arc<Held>);

impl HeldMessage {
    pub(crate) fn new(message: Box<dyn Message>, held: &Arc<Held>) -> Self {
        held.count.fetch_add(1, Ordering::AcqRel);
        Self { message, place: Place(Arc::clone(held)) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::AcqRel);
        self.0.room.send_replace(());
    }
}

impl Message for HeldMessage {
    fn headers(&self) -> &Headers {
        self.message.headers()
    }

    fn body(&self) -> &Bytes {
        self.message.body()
    }

    fn attempt(&self) -> u32 {
        self.message.attempt()
    }

    fn deliveries(&self) -> Option<u32> {
        self.message.deliveries()
    }

    fn watch_lease(&self, lost: LeaseWatch) {
        self.message.watch_lease(lost);
    }

    fn settle(self: Box<Self>, verdict: Verdict) -> BoxFuture<'static, Result<(), Error>> {
        let Self { message, place } = *self;
        let settlement = message.settle(verdict);
        async move {
            let result = settlement.await;
            drop(place);
            result
        }
        .boxed()
    }
}
