//! What was seen during a check: the list of events that its judgement rests on.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use occamy_core::{BrokerEvent, VerdictKind};
use tokio::time::{Instant, sleep};

use super::failure::{Checked, Failure};

/// The events of one check. Clones share it.
#[derive(Clone)]
pub(super) struct Log(Arc<Inner>);

struct Inner {
    start: Instant,
    events: Mutex<Vec<Event>>,
}

/// Something that was seen.
#[derive(Clone)]
pub(super) struct Event {
    /// Since the beginning of the check.
    pub(super) at: Duration,
    /// At which server.
    pub(super) server: Arc<str>,
    pub(super) what: What,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum What {
    /// A request was handed out.
    Delivered { body: Bytes, attempt: u32 },
    /// Its settlement has ended, well or not.
    Settled { body: Bytes, verdict: VerdictKind, error: Option<String> },
    /// It was dropped unsettled.
    Dropped { body: Bytes },
    /// Its lease was lost.
    LeaseLost { body: Bytes },
    /// A control message was handed out.
    Control { body: Bytes },
    /// A task began to run.
    Started { body: Bytes },
    /// It has done its work.
    Completed { body: Bytes },
    /// A stream gave an error.
    StreamError(String),
    /// The stream of requests has ended.
    Ended,
    /// Something happened to the connection.
    Broker(BrokerEvent),
}

impl Log {
    pub(super) fn new() -> Self {
        Self(Arc::new(Inner { start: Instant::now(), events: Mutex::default() }))
    }

    pub(super) fn add(&self, server: &Arc<str>, what: What) {
        let event = Event { at: self.0.start.elapsed(), server: Arc::clone(server), what };
        self.events().push(event);
    }

    pub(super) fn events(&self) -> MutexGuard<'_, Vec<Event>> {
        self.0.events.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many events there are of this kind.
    pub(super) fn count(&self, of: impl Fn(&Event) -> bool) -> usize {
        self.events().iter().filter(|event| of(event)).count()
    }

    /// Waits until this holds of the events, for so long at most.
    pub(super) async fn wait(
        &self,
        within: Duration,
        expected: &str,
        holds: impl Fn(&[Event]) -> bool,
    ) -> Checked {
        let deadline = Instant::now() + within;
        loop {
            if holds(&self.events()) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(
                    self.failure(&format!("expected within {within:?}: {expected}; it didn't happen"))
                );
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// A failure with the last events behind it.
    pub(super) fn failure(&self, what: &str) -> Failure {
        const SHOWN: usize = 40;
        let events = self.events();
        let left_out = events.len().saturating_sub(SHOWN);
        let mut text = format!("{what}. Seen");
        if left_out > 0 {
            text += &format!(", after {left_out} other events");
        }
        text += ":";
        for event in &events[left_out..] {
            text += &format!("\n    {event}");
        }
        Failure(text)
    }
}

impl Event {
    /// True if a request with this body was delivered.
    pub(super) fn is_delivery_of(&self, wanted: &[u8]) -> bool {
        matches!(&self.what, What::Delivered { body, .. } if body == wanted)
    }

    /// True if a task began to run for the request with this body.
    pub(super) fn is_start_of(&self, wanted: &[u8]) -> bool {
        matches!(&self.what, What::Started { body } if body == wanted)
    }

    /// True if a request with this body was settled so, and the broker has taken it.
    pub(super) fn is_settled(&self, wanted: &[u8], as_what: VerdictKind) -> bool {
        matches!(&self.what, What::Settled { body, verdict, error: None } if body == wanted && *verdict == as_what)
    }

    pub(super) fn is_broker(&self, wanted: BrokerEvent) -> bool {
        self.what == What::Broker(wanted)
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>9.3} s  {}: ", self.at.as_secs_f64(), self.server)?;
        match &self.what {
            What::Delivered { body, attempt } => write!(f, "delivered {}, attempt {attempt}", Short(body)),
            What::Settled { body, verdict, error: None } => write!(f, "settled {} as {verdict}", Short(body)),
            What::Settled { body, verdict, error: Some(error) } => {
                write!(f, "not settled {} as {verdict}: {error}", Short(body))
            }
            What::Dropped { body } => write!(f, "dropped {}", Short(body)),
            What::LeaseLost { body } => write!(f, "lost the lease of {}", Short(body)),
            What::Control { body } => write!(f, "control message {}", Short(body)),
            What::Started { body } => write!(f, "began {}", Short(body)),
            What::Completed { body } => write!(f, "completed {}", Short(body)),
            What::StreamError(error) => write!(f, "error: {error}"),
            What::Ended => f.write_str("the stream of requests ended"),
            What::Broker(event) => write!(f, "connection: {event:?}"),
        }
    }
}

/// A body, as far as a line has room for it.
struct Short<'a>(&'a Bytes);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.slice(..self.0.len().min(32));
        write!(f, "{shown:?}")?;
        if self.0.len() > 32 { write!(f, " and {} bytes more", self.0.len() - 32) } else { Ok(()) }
    }
}
