//! What a message of this service holds: an instance to solve, for how long, and for whom.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use occamy_core::transport::{Publisher, header};
use occamy_core::{BoxTask, Error, ErrorKind, Handler, HandlerMux, Headers, handler_fn};

use super::assistant::Assistant;
use super::master::Master;
use crate::tsp::Instance;

/// The `handler-id` of a request: solve the instance in the body.
pub const SOLVE: &str = "solve";
/// The `handler-id` of an offer: help to solve it.
pub const ASSIST: &str = "assist";

/// The request that this is about.
pub(super) const REQUEST: &str = "request";
/// The address of the client: the task id of the control messages that it listens to.
const REPLY_TO: &str = "reply-to";
/// When the request was sent, in microseconds since the epoch.
const SENT: &str = "sent";
/// For how long to work on it, in microseconds.
const TIME: &str = "time";
/// When an offer ends, in microseconds since the epoch.
const UNTIL: &str = "until";
/// What the random choices of a search follow from.
const SEED: &str = "seed";

/// An instance to solve, or to help with.
#[derive(Clone, Debug)]
pub struct Job {
    /// The id of the request, which its master has, too.
    pub request: Arc<str>,
    /// Whom to tell how far it has got: a task id for control messages.
    pub reply_to: Arc<str>,
    /// The instance as it was sent, in TSPLIB's format.
    pub text: Bytes,
    /// The instance as it was understood.
    pub instance: Instance,
    /// When the request was sent.
    pub sent: SystemTime,
    /// For how long to work on it. It counts from the start, so that a request that had to wait, or had to be begun
    /// again on another server, gets as much as any other.
    pub time: Duration,
    /// What the random choices follow from.
    pub seed: u64,
}

impl Job {
    /// The headers of a request, from which a handler makes the job again.
    ///
    /// # Errors
    ///
    /// If a time does not fit into a header.
    pub fn headers(&self) -> Result<Headers, Error> {
        self.headers_for(SOLVE)
    }

    /// The headers of an offer to help with it until then.
    pub(super) fn offer(&self, until: SystemTime) -> Result<Headers, Error> {
        Ok(self.headers_for(ASSIST)?.with(UNTIL, since_epoch(until)?))
    }

    fn headers_for(&self, handler: &str) -> Result<Headers, Error> {
        let seed = i64::from_ne_bytes(self.seed.to_ne_bytes());
        Ok(Headers::new()
            .with(header::HANDLER_ID, handler)
            .with(REQUEST, &*self.request)
            .with(REPLY_TO, &*self.reply_to)
            .with(SENT, since_epoch(self.sent)?)
            .with(TIME, to_micros(self.time)?)
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
            reply_to: headers.string(REPLY_TO)?.into(),
            text: body.clone(),
            instance,
            sent: point_in_time(headers.integer(SENT)?)?,
            time: from_micros(headers.integer(TIME)?)?,
            seed: u64::from_ne_bytes(headers.integer(SEED)?.to_ne_bytes()),
        })
    }
}

/// Makes masters of requests and assistants of offers. Without `expansion` masters work alone.
pub fn handler(publisher: Arc<dyn Publisher>, expansion: bool) -> impl Handler {
    let assistants = Arc::clone(&publisher);
    HandlerMux::new()
        .route(
            SOLVE,
            handler_fn(move |headers, body| {
                let job = Job::read(headers, body)?;
                let until = checked_add(SystemTime::now(), job.time)?;
                Ok(BoxTask::from(Master::new(job, until, Arc::clone(&publisher), expansion)))
            }),
        )
        .route(
            ASSIST,
            handler_fn(move |headers, body| {
                let until = point_in_time(headers.integer(UNTIL)?)?;
                Ok(BoxTask::from(Assistant::new(Job::read(headers, body)?, until, Arc::clone(&assistants))))
            }),
        )
}

/// As it stands in a header.
pub(super) fn to_micros(time: Duration) -> Result<i64, Error> {
    i64::try_from(time.as_micros()).map_err(Error::other)
}

/// From a header.
pub(super) fn from_micros(micros: i64) -> Result<Duration, Error> {
    match u64::try_from(micros) {
        Ok(micros) => Ok(Duration::from_micros(micros)),
        Err(_) => Err(Error::new(ErrorKind::InvalidHeaders, "expected microseconds, at least 0")),
    }
}

fn since_epoch(time: SystemTime) -> Result<i64, Error> {
    to_micros(time.duration_since(SystemTime::UNIX_EPOCH).map_err(Error::other)?)
}

fn point_in_time(micros: i64) -> Result<SystemTime, Error> {
    checked_add(SystemTime::UNIX_EPOCH, from_micros(micros)?)
}

fn checked_add(time: SystemTime, more: Duration) -> Result<SystemTime, Error> {
    let too_late = || Error::new(ErrorKind::InvalidHeaders, "there is no time so late");
    time.checked_add(more).ok_or_else(too_late)
}

#[cfg(test)]
pub(super) mod test_support {
    use super::*;

    /// Three cities.
    pub(in super::super) const INSTANCE: &str = "NAME: a\nTYPE: TSP\nDIMENSION: 3\nEDGE_WEIGHT_TYPE: EUC_2D\n\
                                                 NODE_COORD_SECTION\n1 0 0\n2 0 1\n3 1 0\nEOF\n";

    impl Job {
        /// The smallest there is.
        pub(in super::super) fn tiny() -> Self {
            Self {
                request: "a".into(),
                reply_to: "client".into(),
                text: INSTANCE.into(),
                instance: INSTANCE.parse().unwrap(),
                sent: SystemTime::now(),
                time: Duration::ZERO,
                seed: 0,
            }
        }
    }
}
