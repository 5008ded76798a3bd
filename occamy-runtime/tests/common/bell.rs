//! A bell that rings whenever something changes, so that a test can wait for a condition without sleeping.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use tokio::sync::Notify;

/// In real time. Only a test that fails takes so long.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Default)]
pub struct Bell(Arc<Inner>);

#[derive(Default)]
struct Inner {
    notify: Notify,
    out_of_patience: AtomicBool,
}

impl Bell {
    /// Something has changed.
    pub fn ring(&self) {
        self.0.notify.notify_waiters();
    }

    /// Waits until a condition holds, which only changes when the bell rings. A paused clock stands still meanwhile.
    pub async fn until(&self, what: &str, condition: impl Fn() -> bool) {
        if condition() {
            return;
        }
        // Tokio lets no paused clock run on by itself while a blocking task is under way.
        let (done, is_done) = mpsc::channel::<()>();
        let bell = self.clone();
        let watchdog = tokio::task::spawn_blocking(move || {
            if is_done.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                bell.0.out_of_patience.store(true, Ordering::SeqCst);
                bell.ring();
            }
        });
        let out_of_patience = || self.0.out_of_patience.load(Ordering::SeqCst);
        self.rung_and(|| out_of_patience() || condition()).await;
        assert!(!out_of_patience(), "waited in vain: {what}");
        drop(done);
        watchdog.await.unwrap();
    }

    /// Waits as long as it takes, and lets a paused clock run on.
    pub async fn rung_and(&self, condition: impl Fn() -> bool) {
        loop {
            let rung = self.0.notify.notified();
            if condition() {
                return;
            }
            rung.await;
        }
    }
}
