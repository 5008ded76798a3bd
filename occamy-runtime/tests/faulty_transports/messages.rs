//! Requests that are settled otherwise than they should be.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use occamy_core::scheduler::Config;
use occamy_core::transport::settlement_error;
use occamy_core::{
    BoxFuture, Error, ErrorKind, Fate, Headers, LeaseWatch, Message, Outcome, Verdict, VerdictKind,
};
use tokio::time::{Instant, sleep};

use crate::Fault;
use crate::subject::Service;

/// The requests of one server.
pub(crate) struct Desk {
    service: Arc<Service>,
    server: String,
    settling: AtomicUsize,
    kept: Mutex<VecDeque<Box<dyn Message>>>,
}

impl Desk {
    pub(crate) fn new(service: Arc<Service>, server: &str) -> Self {
        Self { service, server: server.to_owned(), settling: AtomicUsize::new(0), kept: Mutex::default() }
    }

    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    pub(crate) fn settling(&self) -> usize {
        self.settling.load(Ordering::SeqCst)
    }

    /// A request that this server has handed back.
    pub(crate) fn take_kept(self: &Arc<Self>) -> Option<Box<dyn Message>> {
        let message = self.kept.lock().unwrap().pop_front()?;
        Some(FaultyMessage::boxed(message, self))
    }
}

/// A request that a server has, for whoever wants to take it away from it.
pub(crate) struct Held {
    pub(crate) server: String,
    pub(crate) since: Instant,
    message: Shared,
}

type Shared = Arc<Mutex<Option<Box<dyn Message>>>>;

impl Held {
    pub(crate) fn take(&self) -> Option<Box<dyn Message>> {
        self.message.lock().unwrap().take()
    }
}

pub(crate) struct FaultyMessage {
    desk: Arc<Desk>,
    headers: Headers,
    body: Bytes,
    attempt: u32,
    inner: Shared,
}

impl FaultyMessage {
    pub(crate) fn boxed(message: Box<dyn Message>, desk: &Arc<Desk>) -> Box<dyn Message> {
        let (headers, body) = (message.headers().clone(), message.body().clone());
        let attempt = message.attempt();
        let inner: Shared = Arc::new(Mutex::new(Some(message)));
        let Service { fault, held, lease, broker, .. } = &*desk.service;
        match fault {
            Fault::LosesWithTheServer | Fault::SettlesWhatWasBefore => {
                let (server, message) = (desk.server.clone(), Arc::clone(&inner));
                held.lock().unwrap().push(Held { server, since: Instant::now(), message });
            }
            Fault::LosesLongLeases => {
                let (broker, server, held, lease) =
                    (broker.clone(), desk.server.clone(), Arc::downgrade(&inner), *lease);
                tokio::spawn(async move {
                    sleep(lease * 5 / 2).await;
                    if held.upgrade().is_some() {
                        broker.faults().expire_leases(&server);
                    }
                });
            }
            _ => {}
        }
        Box::new(Self { desk: Arc::clone(desk), headers, body, attempt, inner })
    }

    async fn settle(self, verdict: Verdict) -> Result<(), Error> {
        let kind = verdict.kind();
        let service = &self.desk.service;
        if service.fault == Fault::SettlesWhatWasBefore {
            self.settle_before().await;
        }
        let Some(inner) = self.inner.lock().unwrap().take() else { return Ok(()) };
        let handed_back = matches!(kind, VerdictKind::Interrupted | VerdictKind::Busy);
        let verdict = match service.fault {
            Fault::KeepsWhatIsHandedBack if handed_back => {
                sleep(Duration::from_millis(100)).await;
                self.desk.kept.lock().unwrap().push_back(inner);
                return Ok(());
            }
            // The embedded broker hands out at once what was dropped.
            Fault::SpinsWhatIsHandedBack if handed_back => return Ok(()),
            Fault::CountsInterruptions if kind == VerdictKind::Interrupted => retry(),
            Fault::CountsRefusals if kind == VerdictKind::Busy => retry(),
            Fault::RetriesWhatIsBad if kind == VerdictKind::Failed && self.attempt == 1 => retry(),
            Fault::LosesSomeRetries if kind == VerdictKind::Retry => {
                let tenth = service.retries.fetch_add(1, Ordering::SeqCst) % 10 == 9;
                if tenth { Verdict::Done } else { verdict }
            }
            Fault::ForgetsRequestsInRestarts if service.restarted.load(Ordering::SeqCst) => {
                inner.settle(Verdict::Done).await?;
                return Err(settlement_error(kind, "the broker doesn't know it any more"));
            }
            _ => verdict,
        };
        let settled = inner.settle(verdict).await;
        let restarted = service.restarted.load(Ordering::SeqCst);
        if restarted && service.fault == Fault::SettlesTwiceAfterRestarts { Ok(()) } else { settled }
    }

    /// What this server was given earlier is settled, too, if it has much.
    async fn settle_before(&self) {
        let earlier: Vec<_> = {
            let mut held = self.desk.service.held.lock().unwrap();
            held.retain(|held| held.message.lock().unwrap().is_some());
            let of_ours = held.iter().filter(|held| held.server == self.desk.server);
            if of_ours.clone().count() < 6 {
                return;
            }
            let earlier = of_ours.take_while(|held| !Arc::ptr_eq(&held.message, &self.inner));
            earlier.filter_map(Held::take).collect()
        };
        for message in earlier {
            let _ = message.settle(Verdict::Done).await;
        }
    }
}

impl Message for FaultyMessage {
    fn headers(&self) -> &Headers {
        &self.headers
    }

    fn body(&self) -> &Bytes {
        &self.body
    }

    fn attempt(&self) -> u32 {
        self.attempt
    }

    fn watch_lease(&self, lost: LeaseWatch) {
        if let Some(inner) = &*self.inner.lock().unwrap() {
            inner.watch_lease(lost);
        }
    }

    fn settle(self: Box<Self>, verdict: Verdict) -> BoxFuture<'static, Result<(), Error>> {
        let desk = Arc::clone(&self.desk);
        desk.settling.fetch_add(1, Ordering::SeqCst);
        let counted = Counted(desk);
        async move {
            let _counted = counted;
            Self::settle(*self, verdict).await
        }
        .boxed()
    }
}

/// Counts as being settled for as long as it lives.
struct Counted(Arc<Desk>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.settling.fetch_sub(1, Ordering::SeqCst);
    }
}

/// As if the task had failed, and may be tried again soon.
fn retry() -> Verdict {
    let error = Error::new(ErrorKind::UnknownTask, "not yet").retry_after(Duration::from_millis(100));
    Verdict::on_end(Outcome::Failed(error), Fate::Undisturbed, 1, Config::new(1).limits)
}
