//! A transport before the transport under test, that writes down what passes.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use occamy_core::transport::{ControlStream, Publisher, RequestStream, Transport};
use occamy_core::{
    BoxFuture, Error, Headers, LeaseWatch, Message, MessageOrigin, Monitor, Observation, Verdict, VerdictKind,
};
use tokio::sync::watch;

use super::log::{Log, What};

/// Passes everything on and writes it down.
pub(super) struct Witness {
    inner: Box<dyn Transport>,
    scribe: Scribe,
}

/// Who writes down, and for which server.
#[derive(Clone)]
struct Scribe {
    log: Log,
    server: Arc<str>,
    /// How many of the two streams have been asked for a message.
    asked: watch::Sender<usize>,
}

impl Witness {
    pub(super) fn new(inner: Box<dyn Transport>, log: Log, server: &str) -> Self {
        Self { inner, scribe: Scribe { log, server: server.into(), asked: watch::Sender::new(0) } }
    }

    /// Told when both streams have been asked for their first message: from there on nothing passes the server by.
    pub(super) fn asked(&self) -> watch::Receiver<usize> {
        self.scribe.asked.subscribe()
    }
}

impl Scribe {
    fn note(&self, what: What) {
        self.log.add(&self.server, what);
    }
}

impl Transport for Witness {
    fn requests(&self) -> Box<dyn RequestStream> {
        Box::new(Requests { inner: self.inner.requests(), scribe: self.scribe.clone(), asked: false })
    }

    fn controls(&self) -> Box<dyn ControlStream> {
        Box::new(Controls { inner: self.inner.controls(), scribe: self.scribe.clone(), asked: false })
    }

    fn publisher(&self) -> Arc<dyn Publisher> {
        self.inner.publisher()
    }

    fn observe(&self, monitor: Arc<dyn Monitor>) {
        self.inner.observe(Arc::new((Connection(self.scribe.clone()), monitor)));
    }

    fn drain(&self) -> BoxFuture<'_, ()> {
        self.inner.drain()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), Error>> {
        self.inner.close()
    }
}

/// Writes down what happens to the connection.
struct Connection(Scribe);

impl Monitor for Connection {
    fn record(&self, observation: &Observation) {
        if let Observation::Broker(event) = observation {
            self.0.note(What::Broker(*event));
        }
    }
}

struct Requests {
    inner: Box<dyn RequestStream>,
    scribe: Scribe,
    asked: bool,
}

impl RequestStream for Requests {
    fn next(&mut self, credit: usize) -> BoxFuture<'_, Result<Option<Box<dyn Message>>, Error>> {
        let Self { inner, scribe, asked } = self;
        if !std::mem::replace(asked, true) {
            scribe.asked.send_modify(|streams| *streams += 1);
        }
        async move {
            match inner.next(credit).await {
                Ok(Some(message)) => {
                    let body = message.body().clone();
                    scribe.note(What::Delivered { body: body.clone(), attempt: message.attempt() });
                    let (lease, lost) = (scribe.clone(), body.clone());
                    message.watch_lease(Arc::new(move || lease.note(What::LeaseLost { body: lost.clone() })));
                    Ok(Some(Box::new(Request { inner: Some(message), body, scribe: scribe.clone() })
                        as Box<dyn Message>))
                }
                Ok(None) => {
                    scribe.note(What::Ended);
                    Ok(None)
                }
                Err(error) => {
                    scribe.note(What::StreamError(error.to_string()));
                    Err(error)
                }
            }
        }
        .boxed()
    }
}

/// A request on its way. It stays until it is settled or dropped.
struct Request {
    inner: Option<Box<dyn Message>>,
    body: Bytes,
    scribe: Scribe,
}

impl Request {
    fn inner(&self) -> &dyn Message {
        &**self.inner.as_ref().expect("it is taken out only by what consumes it")
    }
}

impl Message for Request {
    fn headers(&self) -> &Headers {
        self.inner().headers()
    }

    fn body(&self) -> &Bytes {
        &self.body
    }

    fn attempt(&self) -> u32 {
        self.inner().attempt()
    }

    fn deliveries(&self) -> Option<u32> {
        self.inner().deliveries()
    }

    fn origin(&self) -> Option<MessageOrigin> {
        self.inner().origin()
    }

    fn watch_lease(&self, lost: LeaseWatch) {
        self.inner().watch_lease(lost);
    }

    fn settle(mut self: Box<Self>, verdict: Verdict) -> BoxFuture<'static, Result<(), Error>> {
        let kind = verdict.kind();
        let inner = self.inner.take().expect("it is settled once");
        let open = Open { body: self.body.clone(), scribe: self.scribe.clone(), kind, over: false };
        async move {
            let mut open = open;
            let result = inner.settle(verdict).await;
            open.over = true;
            let error = result.as_ref().err().map(ToString::to_string);
            open.scribe.note(What::Settled { body: open.body.clone(), verdict: kind, error });
            result
        }
        .boxed()
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if self.inner.is_some() {
            self.scribe.note(What::Dropped { body: self.body.clone() });
        }
    }
}

/// A settlement under way, which may be dropped.
struct Open {
    body: Bytes,
    scribe: Scribe,
    kind: VerdictKind,
    over: bool,
}

impl Drop for Open {
    fn drop(&mut self) {
        if !self.over {
            let (body, error) = (self.body.clone(), Some("nobody waited for it".to_owned()));
            self.scribe.note(What::Settled { body, verdict: self.kind, error });
        }
    }
}

struct Controls {
    inner: Box<dyn ControlStream>,
    scribe: Scribe,
    asked: bool,
}

impl ControlStream for Controls {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Box<dyn Message>>, Error>> {
        let Self { inner, scribe, asked } = self;
        if !std::mem::replace(asked, true) {
            scribe.asked.send_modify(|streams| *streams += 1);
        }
        async move {
            let next = inner.next().await;
            match &next {
                Ok(Some(message)) => scribe.note(What::Control { body: message.body().clone() }),
                Ok(None) => {}
                Err(error) => scribe.note(What::StreamError(error.to_string())),
            }
            next
        }
        .boxed()
    }
}
