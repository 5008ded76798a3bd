//! What a scrape says, and a bell to wait by without sleeping.
#![allow(
    clippy::unwrap_used,
    dead_code,
    missing_debug_implementations,
    unreachable_pub,
    reason = "it is test code, and each test program uses its own part"
)]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use occamy_core::{Monitor, Observation};
use occamy_metrics::Prometheus;
use tokio::sync::Notify;

/// In real time. Only a test that fails takes so long.
const PATIENCE: Duration = Duration::from_secs(30);

/// The series of a scrape with their values, and the types that were declared.
#[derive(Debug)]
pub struct Scrape {
    pub series: BTreeMap<String, f64>,
    pub types: BTreeMap<String, String>,
}

impl Scrape {
    /// Everything has to be understood, and no series may be there twice: Prometheus would drop the whole scrape.
    pub fn of(prometheus: &Prometheus) -> Self {
        let mut scrape = Self { series: BTreeMap::new(), types: BTreeMap::new() };
        for line in prometheus.render().lines().filter(|line| !line.is_empty()) {
            if let Some(declared) = line.strip_prefix("# TYPE ") {
                let (name, of) = declared.split_once(' ').unwrap();
                assert_eq!(scrape.types.insert(name.to_owned(), of.to_owned()), None, "{line}");
            } else if !line.starts_with("# HELP ") {
                let (series, value) = line.rsplit_once(' ').unwrap();
                let value: f64 = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
                assert_eq!(scrape.series.insert(series.to_owned(), value), None, "twice: {line}");
            }
        }
        scrape
    }

    pub fn value(&self, series: &str) -> f64 {
        *self.series.get(series).unwrap_or_else(|| panic!("no {series} in {:#?}", self.series))
    }
}

/// Rings whenever something is observed.
#[derive(Clone, Default)]
pub struct Bell(Arc<(Notify, AtomicBool)>);

impl Monitor for Bell {
    fn record(&self, _: &Observation) {
        self.ring();
    }
}

impl Bell {
    pub fn ring(&self) {
        self.0.0.notify_waiters();
    }

    /// Waits until a condition holds, which only changes when the bell rings. A paused clock stands still meanwhile.
    pub async fn until(&self, what: &str, condition: impl Fn() -> bool) {
        // Tokio lets no paused clock run on by itself while a blocking task is under way.
        let (done, is_done) = mpsc::channel::<()>();
        let bell = self.clone();
        let watchdog = tokio::task::spawn_blocking(move || {
            if is_done.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                bell.0.1.store(true, Ordering::SeqCst);
                bell.ring();
            }
        });
        loop {
            let rung = self.0.0.notified();
            if condition() {
                break;
            }
            assert!(!self.0.1.load(Ordering::SeqCst), "waited in vain: {what}");
            rung.await;
        }
        drop(done);
        watchdog.await.unwrap();
    }
}
