//! The connection with the embedded broker, through which every settlement becomes a line.
//!
//! The number of a message's line travels as its last header, which is taken off again before anybody sees it.

use std::sync::Arc;

use bytes::Bytes;
use occamy_core::transport::{ControlStream, Publisher, RequestStream, Transport, header, settlement_error};
use occamy_core::{BoxFuture, Error, Headers, LeaseWatch, Message, Monitor, Value, Verdict, VerdictKind};
use occamy_runtime::memory::{MemoryBroker, MemoryTransport};

use super::ledger::Ledger;
use super::parse::Kind;
use super::writer::{Settlement, Writer};

/// Adds the number of a message's line to its headers.
pub(super) fn mark(headers: &mut Headers, number: u64) {
    let number = Value::try_from(number).expect("nobody writes so many lines");
    headers.append("line", number);
}

/// Takes the number off again.
fn unmark(headers: &Headers) -> (Headers, u64) {
    let mut headers = headers.clone().into_iter();
    let Some((_, Value::Integer(number))) = headers.next_back() else {
        unreachable!("every message of this broker was marked")
    };
    (headers.collect(), number.cast_unsigned())
}

pub(super) struct LineTransport {
    inner: MemoryTransport,
    office: Office,
}

/// What it takes to settle a message.
#[derive(Clone)]
struct Office {
    broker: MemoryBroker,
    ledger: Ledger,
    writer: Writer,
}

impl LineTransport {
    pub(super) fn new(broker: &MemoryBroker, name: &str, ledger: Ledger, writer: Writer) -> Self {
        let office = Office { broker: broker.clone(), ledger, writer };
        Self { inner: broker.connect(name), office }
    }
}

impl Transport for LineTransport {
    fn requests(&self) -> Box<dyn RequestStream> {
        Box::new(Requests { inner: self.inner.requests(), office: self.office.clone() })
    }

    fn controls(&self) -> Box<dyn ControlStream> {
        Box::new(Controls { inner: self.inner.controls(), office: self.office.clone() })
    }

    fn publisher(&self) -> Arc<dyn Publisher> {
        self.inner.publisher()
    }

    fn observe(&self, monitor: Arc<dyn Monitor>) {
        self.inner.observe(monitor);
    }

    fn drain(&self) -> BoxFuture<'_, ()> {
        self.office.ledger.close();
        self.inner.drain()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), Error>> {
        self.inner.close()
    }
}

struct Requests {
    inner: Box<dyn RequestStream>,
    office: Office,
}

impl RequestStream for Requests {
    fn next(&mut self, credit: usize) -> BoxFuture<'_, Result<Option<Box<dyn Message>>, Error>> {
        Box::pin(async move {
            let next = self.inner.next(credit).await?;
            Ok(next.map(|message| self.office.wrap(message, Kind::Request)))
        })
    }
}

struct Controls {
    inner: Box<dyn ControlStream>,
    office: Office,
}

impl ControlStream for Controls {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Box<dyn Message>>, Error>> {
        Box::pin(async move {
            let next = self.inner.next().await?;
            Ok(next.map(|message| self.office.wrap(message, Kind::Control)))
        })
    }
}

impl Office {
    fn wrap(&self, inner: Box<dyn Message>, kind: Kind) -> Box<dyn Message> {
        let (headers, number) = unmark(inner.headers());
        Box::new(Line { inner, headers, number, kind, office: self.clone() })
    }
}

/// A message that came as a line.
struct Line {
    inner: Box<dyn Message>,
    /// Without the line's number.
    headers: Headers,
    number: u64,
    kind: Kind,
    office: Office,
}

impl Line {
    async fn settle(self, verdict: Verdict) -> Result<(), Error> {
        let Self { inner, headers, number, kind, office } = self;
        let _turn = office.ledger.turn(number).await;
        let (attempt, verdict_kind, error) = (inner.attempt(), verdict.kind(), verdict.error().cloned());
        inner.settle(verdict).await?;
        // Whoever sent the line is told below, and the broker would keep the letters for ever.
        drop(office.broker.take_dead_letters());
        let settlement = Settlement {
            line: number,
            message: kind.as_str(),
            task_id: headers.optional_string(header::TASK_ID).ok().flatten(),
            verdict: verdict_kind.as_str(),
            kind: error.as_ref().map(|error| error.kind().as_str()),
            reason: error.as_ref().map(Error::message),
            attempt,
        };
        let written = office.writer.write(&settlement).await;
        let for_good = matches!(verdict_kind, VerdictKind::Done | VerdictKind::Failed);
        if for_good || kind == Kind::Control {
            office.ledger.settled(number);
        }
        if written { Ok(()) } else { Err(settlement_error(verdict_kind, "its line could not be written")) }
    }
}

impl Message for Line {
    fn headers(&self) -> &Headers {
        &self.headers
    }

    fn body(&self) -> &Bytes {
        self.inner.body()
    }

    fn attempt(&self) -> u32 {
        self.inner.attempt()
    }

    fn deliveries(&self) -> Option<u32> {
        self.inner.deliveries()
    }

    fn watch_lease(&self, lost: LeaseWatch) {
        self.inner.watch_lease(lost);
    }

    fn settle(self: Box<Self>, verdict: Verdict) -> BoxFuture<'static, Result<(), Error>> {
        Box::pin(Self::settle(*self, verdict))
    }
}
