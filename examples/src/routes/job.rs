//! What a message of this service holds: an instance to solve, until when, and for whom.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use occamy_core::transport::{Publisher, header};
use occamy_core::{BoxTask, Error, ErrorKind, Handler, HandlerMux, Headers, handler_fn};

use super::Board;
use super::assistant::Assistant;
use super::master::Master;
use crate::tsp::Instance;

/// The `handler-id` of a request: solve the instance in the body.
pub const SOLVE: &str = "solve";
/// The `handler-id` of an offer: help to solve it.
pub const ASSIST: &str = "assist";

/// When to end, in microseconds since the epoch.
const UNTIL: &str = "until";
/// When the request was sent, in microseconds since the epoch.
const SENT: &str = "sent";
/// The request that this is about.
const REQUEST: &str = "request";
/// What the random choices of a search follow from.
const SEED: &str = "seed";

/// An instance to solve, or to help with.
#[derive(Clone, Debug)]
pub struct Job {
    /// The id of the request, which its master has, too.
    pub request: Arc<str>,
    /// The instance as it was sent, in TSPLIB's format.
    pub text: Bytes,
    /// The instance as it was understood.
    pub instance: Instance,
    /// When the request was sent.
    pub sent: SystemTime,
    /// When to end, at the latest.
    pub until: SystemTime,
    /// What the random choices follow from.
    pub seed: u64,
}

impl Job {
    /// The id by which the assistants of the request are told of improvements.
    pub(super) fn assistants(&self) -> String {
        format!("{}/assistants", self.request)
    }

    /// True when it is time to end.
    pub(super) fn is_over(&self) -> bool {
        SystemTime::now() >= self.until
    }

    /// The headers of a message that asks for this, from which a handler makes the job again.
    ///
    /// # Errors
    ///
    /// If a time does not fit into a header.
    pub fn headers(&self, handler: &str) -> Result<Headers, Error> {
        let seed = i64::from_ne_bytes(self.seed.to_ne_bytes());
        Ok(Headers::new()
            .with(header::HANDLER_ID, handler)
            .with(REQUEST, &*self.request)
            .with(SENT, to_micros(self.sent)?)
            .with(UNTIL, to_micros(self.until)?)
            .with(SEED, seed))
    }

    /// Reads a message.
    fn read(headers: &Headers, body: &Bytes) -> Result<Self, Error> {
        let text = std::str::from_utf8(body)
            .map_err(|error| Error::new(ErrorKind::InvalidBody, "an instance is text").with_source(error))?;
        let instance = text.parse().map_err(|error| {
            Error::new(ErrorKind::InvalidBody, "expected an instance of TSPLIB").with_source(error)
        })?;
        Ok(Self {
            request: headers.string(REQUEST)?.into(),
            text: body.clone(),
            instance,
            sent: from_micros(headers.integer(SENT)?)?,
            until: from_micros(headers.integer(UNTIL)?)?,
            seed: u64::from_ne_bytes(headers.integer(SEED)?.to_ne_bytes()),
        })
    }
}

/// Makes masters of requests and assistants of offers. Without `expansion` masters work alone.
pub fn handler(publisher: Arc<dyn Publisher>, board: Board, expansion: bool) -> impl Handler {
    let assistants = Arc::clone(&publisher);
    HandlerMux::new()
        .route(
            SOLVE,
            handler_fn(move |headers, body| {
                let job = Job::read(headers, body)?;
                Ok(BoxTask::from(Master::new(job, Arc::clone(&publisher), board.clone(), expansion)))
            }),
        )
        .route(
            ASSIST,
            handler_fn(move |headers, body| {
                let job = Job::read(headers, body)?;
                Ok(BoxTask::from(Assistant::new(job, Arc::clone(&assistants))))
            }),
        )
}

fn to_micros(time: SystemTime) -> Result<i64, Error> {
    let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH).map_err(Error::other)?;
    i64::try_from(since_epoch.as_micros()).map_err(Error::other)
}

fn from_micros(micros: i64) -> Result<SystemTime, Error> {
    u64::try_from(micros)
        .ok()
        .and_then(|micros| SystemTime::UNIX_EPOCH.checked_add(Duration::from_micros(micros)))
        .ok_or_else(|| Error::new(ErrorKind::InvalidHeaders, "expected microseconds since the epoch"))
}
