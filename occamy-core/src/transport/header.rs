//! The names of the headers that servers and transports give a meaning to, and how transports put them on and take them
//! off.
//!
//! They are the same on every broker, so that a client in any language can write and read them. Names that begin with
//! `occamy-` are a transport's own: it sets them, and takes them off before a handler sees the message.

use crate::{Error, Headers};

/// Which task a control message is for: a string. The name is a server's default and can be configured there. A control
/// message without it is an offer.
pub const TASK_ID: &str = "task-id";

/// Which handler a [`HandlerMux`](crate::HandlerMux) picks: a string. The default name; the mux can be told another.
pub const HANDLER_ID: &str = "handler-id";

/// What ties the messages and logs of one piece of work together: a string. A request without one gets a fresh one.
pub const REQUEST_ID: &str = "X-Request-ID";

/// The place in a trace that a message was sent from: a string in the format of W3C's Trace Context. Read and written by
/// [`TraceContext`](crate::TraceContext), which ignores what is malformed.
pub const TRACEPARENT: &str = "traceparent";

/// What tracing systems say of a trace beside [`TRACEPARENT`]: a string, passed on as it is.
pub const TRACESTATE: &str = "tracestate";

/// The group of a task, for clients that say it in a header: a string.
pub const GROUP: &str = "group";

/// Which attempt a message is: an integer from 1 up. One without it is on its first.
pub const ATTEMPT: &str = "occamy-attempt";

/// Why a message became a dead letter: the text of the error, cut to [`MAX_REASON`].
pub const REASON: &str = "occamy-reason";

/// The kind of the error in [`REASON`]: one of the strings of [`ErrorKind::as_str`](crate::ErrorKind::as_str).
pub const KIND: &str = "occamy-kind";

/// Where a dead letter came from: the subject, queue or topic, as the broker calls it.
pub const ORIGIN: &str = "occamy-origin";

/// How many bytes of a reason are kept: 2 KiB. So a dead letter is never much larger than its request was.
pub const MAX_REASON: usize = 2 << 10;

/// What the names of a transport's own headers begin with.
const OWN: &str = "occamy-";

/// The headers that a handler is to see, and the attempt that a transport's own tell. A dead letter that is sent again as
/// it is goes on counting.
///
/// ```
/// use occamy_core::{Headers, transport::header};
///
/// let received = Headers::new().with("vehicles", 12).with(header::ATTEMPT, 3);
/// assert_eq!(header::take_own(received), (Headers::new().with("vehicles", 12), 3));
/// ```
pub fn take_own(headers: Headers) -> (Headers, u32) {
    if !headers.iter().any(|(name, _)| name.starts_with(OWN)) {
        return (headers, 1);
    }
    let attempt = headers.optional_integer(ATTEMPT).ok().flatten().unwrap_or(1);
    let others = headers.iter().filter(|(name, _)| !name.starts_with(OWN));
    let others = others.map(|(name, value)| (name.to_owned(), value.clone())).collect();
    (others, u32::try_from(attempt).unwrap_or(1).max(1))
}

/// The headers of a dead letter: those of the request, and beside them why it failed, where, and on which attempt.
///
/// ```
/// use occamy_core::{Error, ErrorKind, Headers, transport::header};
///
/// let error = Error::new(ErrorKind::InvalidBody, "not JSON");
/// let dead = header::bury(Headers::new().with("vehicles", 12), &error, "routes-request", 5);
/// assert_eq!(dead.string(header::REASON)?, "not JSON");
/// assert_eq!(dead.string(header::KIND)?, "invalid_body");
/// assert_eq!((dead.integer("vehicles")?, dead.integer(header::ATTEMPT)?), (12, 5));
/// # Ok::<(), Error>(())
/// ```
pub fn bury(headers: Headers, error: &Error, origin: &str, attempt: u32) -> Headers {
    headers
        .with(REASON, beginning(error.message(), MAX_REASON))
        .with(KIND, error.kind().as_str())
        .with(ORIGIN, origin)
        .with(ATTEMPT, i64::from(attempt))
}

/// As much of a text as fits into so many bytes.
fn beginning(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn an_attempt_that_makes_no_sense_is_the_first() {
        for attempt in ["x".into(), 0.into(), (-3).into(), i64::MAX.into(), crate::Value::Null] {
            assert_eq!(take_own(Headers::new().with(ATTEMPT, attempt)), (Headers::new(), 1));
        }
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let error = Error::new(ErrorKind::UnknownTask, format!("x{}", "ö".repeat(MAX_REASON)));
        let dead = bury(Headers::new(), &error, "here", 1);
        let reason = dead.string(REASON).unwrap();
        assert_eq!((reason.len(), reason.ends_with('ö')), (MAX_REASON - 1, true));
    }
}
