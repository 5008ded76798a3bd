//! Messages that remember how they were settled, and how often.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use occamy_core::{BoxFuture, Error, Headers, LeaseWatch, Message, Verdict, VerdictKind};

use super::{Bell, Count, Gate};

/// A message on its way to the server.
pub struct Letter {
    headers: Headers,
    body: Bytes,
    attempt: u32,
    deliveries: Option<u32>,
    leased: bool,
    settling: Settling,
    receipt: Receipt,
}

/// How the broker takes a settlement.
pub enum Settling {
    AtOnce,
    Fails(Error),
    Panics,
    /// Once the gate is open.
    Behind(Gate),
    /// Only `settle` itself panics, and the future never comes to be.
    PanicsEarly,
    /// `settle` itself counts up and blocks its thread until the gate is open.
    Blocks(Count, Gate),
}

/// What became of a letter.
#[derive(Clone, Default)]
pub struct Receipt(Arc<Inner>);

#[derive(Default)]
struct Inner {
    bell: Bell,
    verdicts: Mutex<Vec<Verdict>>,
    watch: Mutex<Option<LeaseWatch>>,
}

impl Letter {
    pub fn new(bell: &Bell, headers: Headers) -> Self {
        Self {
            headers,
            body: Bytes::new(),
            attempt: 1,
            deliveries: None,
            leased: true,
            settling: Settling::AtOnce,
            receipt: Receipt(Arc::new(Inner { bell: bell.clone(), ..Inner::default() })),
        }
    }

    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    pub fn with_header(mut self, name: &str, value: impl Into<occamy_core::Value>) -> Self {
        self.headers.insert(name, value);
        self
    }

    pub fn with_attempt(mut self, attempt: u32) -> Self {
        self.attempt = attempt;
        self
    }

    pub fn with_deliveries(mut self, deliveries: u32) -> Self {
        self.deliveries = Some(deliveries);
        self
    }

    /// The lease is lost before anybody asks.
    pub fn without_lease(mut self) -> Self {
        self.leased = false;
        self
    }

    pub fn settling(mut self, settling: Settling) -> Self {
        self.settling = settling;
        self
    }

    pub fn receipt(&self) -> Receipt {
        self.receipt.clone()
    }
}

impl Receipt {
    /// All verdicts: a server that settles twice is found out.
    pub fn verdicts(&self) -> Vec<Verdict> {
        self.0.verdicts.lock().unwrap().clone()
    }

    /// The kind of the one verdict, if there is one yet.
    pub fn verdict(&self) -> Option<VerdictKind> {
        let verdicts = self.verdicts();
        assert!(verdicts.len() <= 1, "settled more than once: {verdicts:?}");
        verdicts.first().map(Verdict::kind)
    }

    /// Waits for the one verdict.
    pub async fn settled(&self) -> Verdict {
        self.0.bell.until("a verdict", || self.verdict().is_some()).await;
        self.verdicts().remove(0)
    }

    /// Waits for the one verdict while time passes, for so long at most.
    pub async fn settled_in_time(&self, limit: Duration) -> Verdict {
        let settled = self.0.bell.rung_and(|| self.verdict().is_some());
        tokio::time::timeout(limit, settled).await.expect("a verdict in time");
        self.verdicts().remove(0)
    }

    /// Loses the lease of the message.
    pub fn lose_lease(&self) {
        let watch = self.0.watch.lock().unwrap().clone();
        watch.expect("the lease is watched")();
    }

    fn note(&self, verdict: Verdict) {
        self.0.verdicts.lock().unwrap().push(verdict);
        self.0.bell.ring();
    }
}

impl Message for Letter {
    fn headers(&self) -> &Headers {
        &self.headers
    }

    fn body(&self) -> &Bytes {
        &self.body
    }

    fn attempt(&self) -> u32 {
        self.attempt
    }

    fn deliveries(&self) -> Option<u32> {
        self.deliveries
    }

    fn watch_lease(&self, lost: LeaseWatch) {
        if !self.leased {
            lost();
        }
        *self.receipt.0.watch.lock().unwrap() = Some(lost);
    }

    fn settle(self: Box<Self>, verdict: Verdict) -> BoxFuture<'static, Result<(), Error>> {
        assert!(!matches!(self.settling, Settling::PanicsEarly), "the broker's client has a bug");
        if let Settling::Blocks(begun, gate) = &self.settling {
            begun.up();
            gate.pass();
        }
        Box::pin(async move {
            match &self.settling {
                Settling::Behind(gate) => gate.passed().await,
                Settling::Panics => panic!("the broker's client has a bug"),
                Settling::AtOnce | Settling::Fails(_) | Settling::PanicsEarly | Settling::Blocks(..) => {}
            }
            self.receipt.note(verdict);
            match self.settling {
                Settling::Fails(error) => Err(error),
                _ => Ok(()),
            }
        })
    }
}
