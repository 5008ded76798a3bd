//! Listening to everything that is logged in this process, for secrets.

use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use tracing_subscriber::Layer;
use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::fmt::layer;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

static INSTALL: Once = Once::new();
/// How many checks listen now. While none does nothing is formatted.
static LISTENERS: AtomicUsize = AtomicUsize::new(0);
static SECRETS: Mutex<Vec<Secret>> = Mutex::new(Vec::new());

struct Secret {
    text: String,
    seen: Option<String>,
}

/// Hears from here on what is logged with `tracing` or `log`, unless somebody else has taken that place.
pub(super) fn listen() {
    INSTALL.call_once(|| {
        let wanted = dynamic_filter_fn(|_, _| LISTENERS.load(Ordering::Relaxed) > 0);
        let ear = layer().with_ansi(false).with_writer(|| Ear).with_filter(wanted);
        // A program that logs elsewhere has its reasons; then the checks only see what they are shown.
        let _ = tracing_subscriber::registry().with(ear).try_init();
    });
}

/// Listens for one secret for as long as it lives.
pub(super) struct Watch(String);

impl Watch {
    pub(super) fn new(secret: &str) -> Self {
        LISTENERS.fetch_add(1, Ordering::Relaxed);
        tracing::callsite::rebuild_interest_cache();
        secrets().push(Secret { text: secret.to_owned(), seen: None });
        Self(secret.to_owned())
    }

    /// The line in which it was logged.
    pub(super) fn seen(&self) -> Option<String> {
        secrets().iter().find(|secret| secret.text == self.0)?.seen.clone()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        LISTENERS.fetch_sub(1, Ordering::Relaxed);
        secrets().retain(|secret| secret.text != self.0);
    }
}

fn secrets() -> MutexGuard<'static, Vec<Secret>> {
    SECRETS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gets each line in one piece.
struct Ear;

impl Write for Ear {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        for secret in secrets().iter_mut().filter(|secret| text.contains(&secret.text)) {
            secret.seen = Some(text.trim().to_owned());
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
