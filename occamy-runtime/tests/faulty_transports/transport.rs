//! The embedded broker's transport, but for one promise.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use occamy_core::transport::{ControlStream, PublishError, Publisher, RequestStream, Transport};
use occamy_core::{
    BoxFuture, BrokerEvent, Error, ErrorKind, Headers, Message, Monitor, Observation, Verdict,
};
use tokio::time::sleep;

use crate::Fault;
use crate::messages::{Desk, FaultyMessage};
use crate::subject::{Service, spoil};

pub(crate) struct FaultyTransport {
    inner: Box<dyn Transport>,
    service: Arc<Service>,
    desk: Arc<Desk>,
    /// Control messages that were sent before, and that it has read.
    controls_read: Arc<AtomicUsize>,
}

impl FaultyTransport {
    pub(crate) fn new(inner: Box<dyn Transport>, service: Arc<Service>, server: &str) -> Self {
        let controls_read = Arc::new(AtomicUsize::new(service.controls_sent.load(Ordering::SeqCst)));
        let desk = Arc::new(Desk::new(Arc::clone(&service), server));
        Self { inner, service, desk, controls_read }
    }
}

impl Transport for FaultyTransport {
    fn requests(&self) -> Box<dyn RequestStream> {
        self.service.connected.fetch_add(1, Ordering::SeqCst);
        Box::new(Requests {
            inner: self.inner.requests(),
            service: Arc::clone(&self.service),
            desk: Arc::clone(&self.desk),
            controls_read: Arc::clone(&self.controls_read),
            dead: false,
        })
    }

    fn controls(&self) -> Box<dyn ControlStream> {
        Box::new(Controls {
            inner: self.inner.controls(),
            service: Arc::clone(&self.service),
            read: Arc::clone(&self.controls_read),
            count: 0,
            again: None,
            deaf: false,
        })
    }

    fn publisher(&self) -> Arc<dyn Publisher> {
        Arc::new(FaultyPublisher { inner: self.inner.publisher(), service: Arc::clone(&self.service) })
    }

    fn observe(&self, monitor: Arc<dyn Monitor>) {
        self.inner.observe(Arc::new(Deaf { monitor, service: Arc::clone(&self.service) }));
    }

    fn drain(&self) -> BoxFuture<'_, ()> {
        if self.service.fault == Fault::LosesWhatIsFetched
            && let Some(Ok(Some(message))) = self.inner.requests().next(100).now_or_never()
        {
            message.settle(Verdict::Done).now_or_never();
        }
        self.inner.drain()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), Error>> {
        self.inner.close()
    }
}

/// Doesn't hear of stale settlements that are taken.
struct Deaf {
    monitor: Arc<dyn Monitor>,
    service: Arc<Service>,
}

impl Monitor for Deaf {
    fn record(&self, observation: &Observation) {
        let stale = matches!(observation, Observation::Broker(BrokerEvent::StaleSettlement));
        if !(stale && self.service.fault == Fault::SettlesTwiceAfterRestarts) {
            self.monitor.record(observation);
        }
    }
}

struct Requests {
    inner: Box<dyn RequestStream>,
    service: Arc<Service>,
    desk: Arc<Desk>,
    controls_read: Arc<AtomicUsize>,
    dead: bool,
}

impl Drop for Requests {
    fn drop(&mut self) {
        self.service.connected.fetch_sub(1, Ordering::SeqCst);
    }
}

const PAUSE: Duration = Duration::from_millis(5);

impl Requests {
    async fn next(&mut self, credit: usize) -> Result<Option<Box<dyn Message>>, Error> {
        let (fault, desk) = (self.service.fault, &self.desk);
        loop {
            if self.dead {
                return Ok(None);
            }
            // Whoever looks only at messages has to look again now and then.
            let credit = match fault {
                Fault::IgnoresCredit => credit + 1,
                Fault::IgnoresSettlements => credit + desk.settling(),
                Fault::KeepsWhatIsHandedBack => credit.saturating_sub(desk.settling()),
                _ => credit,
            };
            match fault {
                Fault::KeepsWhatIsHandedBack if credit > 0 => {
                    if let Some(message) = desk.take_kept() {
                        return Ok(Some(message));
                    }
                }
                Fault::GivesUpInOutages if self.service.refuses(desk.server()) => self.dead = true,
                Fault::SpinsInOutages if self.service.refuses(desk.server()) => {
                    sleep(Duration::from_millis(1)).await;
                    return Err(Error::new(ErrorKind::UnknownTask, "the broker is away"));
                }
                Fault::QueuesRequestsBehindControls => {
                    let sent = self.service.controls_sent.load(Ordering::SeqCst);
                    if sent.saturating_sub(self.controls_read.load(Ordering::SeqCst)) > 100 {
                        sleep(PAUSE).await;
                        continue;
                    }
                }
                _ => {}
            }
            let looks_again = matches!(
                fault,
                Fault::IgnoresSettlements
                    | Fault::KeepsWhatIsHandedBack
                    | Fault::GivesUpInOutages
                    | Fault::SpinsInOutages
                    | Fault::QueuesRequestsBehindControls
            );
            let next = tokio::select! {
                biased;
                next = self.inner.next(credit) => next?,
                () = sleep(PAUSE), if looks_again && !self.dead => continue,
            };
            let Some(message) = next else { return Ok(None) };
            if fault == Fault::DiesOfManyKeys && message.headers().len() > 1_000 {
                self.dead = true;
                continue;
            }
            return Ok(Some(FaultyMessage::boxed(message, desk)));
        }
    }
}

impl RequestStream for Requests {
    fn next(&mut self, credit: usize) -> BoxFuture<'_, Result<Option<Box<dyn Message>>, Error>> {
        Self::next(self, credit).boxed()
    }
}

struct Controls {
    inner: Box<dyn ControlStream>,
    service: Arc<Service>,
    read: Arc<AtomicUsize>,
    count: usize,
    again: Option<(Headers, Bytes)>,
    deaf: bool,
}

impl ControlStream for Controls {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Box<dyn Message>>, Error>> {
        async move {
            if let Some((headers, body)) = self.again.take() {
                return Ok(Some(Box::new(occamy_core::TestMessage::new(headers, body)) as Box<dyn Message>));
            }
            loop {
                let Some(message) = self.inner.next().await? else { return Ok(None) };
                self.read.fetch_add(1, Ordering::SeqCst);
                self.count += 1;
                let twentieth = self.count.is_multiple_of(20);
                match self.service.fault {
                    Fault::LosesControls if twentieth => continue,
                    Fault::RepeatsControls if twentieth => {
                        self.again = Some((message.headers().clone(), message.body().clone()));
                    }
                    Fault::GoesDeafOfCr => {
                        self.deaf |=
                            message.headers().optional_string("line").is_ok_and(|line| line == Some("a\rb"));
                        if self.deaf {
                            continue;
                        }
                    }
                    _ => {}
                }
                return Ok(Some(message));
            }
        }
        .boxed()
    }
}

pub(crate) struct FaultyPublisher {
    pub(crate) inner: Arc<dyn Publisher>,
    pub(crate) service: Arc<Service>,
}

impl Publisher for FaultyPublisher {
    fn request(&self, headers: Headers, mut body: Bytes) -> BoxFuture<'static, Result<(), PublishError>> {
        let (inner, fault) = (Arc::clone(&self.inner), self.service.fault);
        let number = self.service.requests_sent.fetch_add(1, Ordering::SeqCst) + 1;
        let alone = self.service.connected.load(Ordering::SeqCst) == 0;
        let headers = spoil(fault, &headers);
        let (mut copies, limit) = (1, 1 << 20);
        match fault {
            Fault::DoublesTheBacklog if alone => copies = 2,
            Fault::RepeatsSomeRequests if number.is_multiple_of(250) => copies = 2,
            Fault::LosesEmptyBodies if body.is_empty() => copies = 0,
            Fault::TruncatesLargeBodies if body.len() == limit => body.truncate(limit - 1),
            Fault::TakesTooLargeBodies if body.len() > limit => copies = 0,
            _ => {}
        }
        async move {
            for _ in 0..copies {
                inner.request(headers.clone(), body.clone()).await?;
            }
            Ok(())
        }
        .boxed()
    }

    fn control(&self, headers: Headers, body: Bytes) -> BoxFuture<'static, Result<(), PublishError>> {
        self.service.controls_sent.fetch_add(1, Ordering::SeqCst);
        self.inner.control(spoil(self.service.fault, &headers), body)
    }

    fn try_request(&self, headers: Headers, body: Bytes) -> Result<(), PublishError> {
        self.inner.try_request(headers, body)
    }

    fn try_control(&self, headers: Headers, body: Bytes) -> Result<(), PublishError> {
        match self.service.fault {
            Fault::HasAnEndlessOutbox => Ok(()),
            _ => self.inner.try_control(headers, body),
        }
    }
}
