//! Which trace a message belongs to, as W3C's Trace Context has it.

use std::sync::Arc;

use crate::transport::header::{TRACEPARENT, TRACESTATE};
use crate::{Headers, Value};

/// A place in a trace: the headers [`traceparent`](TRACEPARENT) and [`tracestate`](TRACESTATE) of a message, checked.
///
/// The format is [W3C's](https://www.w3.org/TR/trace-context/), which OpenTelemetry and others read and write. A server takes
/// it from the messages that it runs tasks for, a task finds it in its
/// [context](crate::TaskContext::trace_context), and puts it on what it sends. A clone is cheap.
///
/// ```
/// use occamy_core::{Headers, TraceContext, transport::header};
///
/// let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
/// let received = Headers::new().with(header::TRACEPARENT, parent);
/// let trace = TraceContext::of(&received).unwrap();
/// assert_eq!(trace.traceparent(), parent);
/// assert_eq!(trace.put_on(Headers::new()), received);
///
/// assert_eq!(TraceContext::of(&Headers::new().with(header::TRACEPARENT, "nonsense")), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TraceContext {
    parent: Arc<str>,
    state: Option<Arc<str>>,
}

impl TraceContext {
    /// The longest `traceparent` that is taken, in bytes. Today's have 55; later versions of the format may append.
    pub const MAX_PARENT: usize = 256;

    /// The longest `tracestate` that is taken, in bytes: what everybody has to pass on.
    pub const MAX_STATE: usize = 512;

    /// The place that these name. A `tracestate` that is empty, too long or not printable ASCII is left out. `None` if
    /// the `traceparent` is malformed.
    pub fn new(traceparent: &str, tracestate: Option<&str>) -> Option<Self> {
        is_parent(traceparent).then(|| Self {
            parent: traceparent.into(),
            state: tracestate.filter(|state| is_state(state)).map(Arc::from),
        })
    }

    /// Where a message with these headers belongs. `None` if they say nothing, or nothing that makes sense: headers come
    /// from anywhere, and no request fails for its trace.
    ///
    /// The names may be in capitals, as some clients write them: `Traceparent`.
    pub fn of(headers: &Headers) -> Option<Self> {
        let text = |name| {
            let (_, value) = headers.iter().find(|(own, _)| is_name(own, name))?;
            if let Value::String(text) = value { Some(&**text) } else { None }
        };
        Self::new(text(TRACEPARENT)?, text(TRACESTATE))
    }

    /// The header [`traceparent`](TRACEPARENT).
    pub fn traceparent(&self) -> &str {
        &self.parent
    }

    /// The header [`tracestate`](TRACESTATE), if there is one.
    pub fn tracestate(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// The headers of a message that belongs here. Those of another place are replaced.
    #[must_use]
    pub fn put_on(&self, headers: Headers) -> Headers {
        let another =
            |(name, _): &(Arc<str>, Value)| !is_name(name, TRACEPARENT) && !is_name(name, TRACESTATE);
        let mut headers: Headers = headers.into_iter().filter(another).collect();
        headers.insert(TRACEPARENT, &*self.parent);
        if let Some(state) = &self.state {
            headers.insert(TRACESTATE, &**state);
        }
        headers
    }
}

/// W3C's names are in small letters, and to be taken in any.
fn is_name(name: &str, expected: &str) -> bool {
    name.eq_ignore_ascii_case(expected)
}

/// Version, trace, span and flags, in small hexadecimal digits. Only versions above 0 may have more behind them.
fn is_parent(text: &str) -> bool {
    let bytes = text.as_bytes();
    if !(55..=TraceContext::MAX_PARENT).contains(&bytes.len()) || !text.is_ascii() {
        return false;
    }
    let (version, trace, span, flags) = (&text[..2], &text[3..35], &text[36..52], &text[53..55]);
    let hexadecimal = |part: &str| part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let zero = |part: &str| part.bytes().all(|byte| byte == b'0');
    let ends = match version {
        "00" => bytes.len() == 55,
        "ff" => false,
        _ => (bytes.len() == 55 || bytes[55] == b'-') && bytes.iter().all(u8::is_ascii_graphic),
    };
    ends && [2, 35, 52].iter().all(|&dash| bytes[dash] == b'-')
        && [version, trace, span, flags].into_iter().all(hexadecimal)
        && !zero(trace)
        && !zero(span)
}

fn is_state(text: &str) -> bool {
    (1..=TraceContext::MAX_STATE).contains(&text.len())
        && text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn of(parent: impl Into<Value>, state: impl Into<Value>) -> Option<TraceContext> {
        TraceContext::of(&Headers::new().with(TRACEPARENT, parent).with(TRACESTATE, state))
    }

    #[test]
    fn a_trace_comes_through_unchanged() {
        let trace = of(PARENT, "a=1,b=2").unwrap();
        let headers = trace.put_on(Headers::new().with("zoom", 3).with(TRACEPARENT, "another"));
        assert_eq!(headers.len(), 3);
        assert_eq!(TraceContext::of(&headers), Some(trace));
    }

    #[test]
    fn names_in_capitals_are_taken_and_replaced() {
        let received = Headers::new().with("Traceparent", PARENT).with("TraceState", "a=1");
        let trace = TraceContext::of(&received).unwrap();
        assert_eq!(trace.tracestate(), Some("a=1"));
        let sent = trace.put_on(received);
        assert_eq!(sent, Headers::new().with(TRACEPARENT, PARENT).with(TRACESTATE, "a=1"));
    }

    #[test]
    fn the_state_of_another_trace_does_not_stay() {
        let trace = TraceContext::new(PARENT, None).unwrap();
        assert_eq!(
            trace.put_on(Headers::new().with(TRACESTATE, "a=1")),
            Headers::new().with(TRACEPARENT, PARENT)
        );
    }

    #[test]
    fn later_versions_may_say_more() {
        for (text, taken) in [
            ("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true),
            ("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-ever", true),
            ("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.what-ever", false),
            ("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false),
        ] {
            assert_eq!(TraceContext::new(text, None).is_some(), taken, "{text}");
        }
    }

    #[test]
    fn nonsense_is_no_trace() {
        let long = format!("01-{}-{}-01-{}", "a".repeat(32), "b".repeat(16), "c".repeat(256));
        let wide = format!("00-{}-{}-01", "ä".repeat(16), "b".repeat(16));
        for text in [
            "",
            "00",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00_0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331_01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0\n",
            &long,
            &wide,
        ] {
            assert_eq!(of(text, "a=1"), None, "{text}");
        }
        let types: [Value; 4] = [1.into(), true.into(), vec![0u8, 255].into(), Value::Null];
        for value in types {
            assert_eq!(of(value, "a=1"), None);
        }
    }

    #[test]
    fn a_state_that_makes_no_sense_is_left_out() {
        let long = "a".repeat(TraceContext::MAX_STATE + 1);
        for state in ["".into(), long.into(), "a=ä".into(), "a=1\r\nb: 2".into(), 7.into(), Value::Null] {
            assert_eq!(of(PARENT, state), TraceContext::new(PARENT, None));
        }
    }
}
