//! One handler out of several, by a header.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::Handler;
use crate::headers::quoted;
use crate::transport::header;
use crate::{BoxTask, Error, ErrorKind, Headers};

/// Picks one of several handlers by a header, [`handler-id`](header::HANDLER_ID) by default.
///
/// ```
/// use bytes::Bytes;
/// use occamy_core::{BoxTask, Error, Handler, HandlerMux, Headers};
///
/// # fn no_task() -> Result<BoxTask, Error> { Err(Error::new(occamy_core::ErrorKind::InvalidTask, "none here")) }
/// fn routes(headers: &Headers, body: &Bytes) -> Result<BoxTask, Error> {
///     // .. decode, check, and box a task
/// #   no_task()
/// }
/// fn renderings(headers: &Headers, body: &Bytes) -> Result<BoxTask, Error> {
///     // .. the same for others
/// #   no_task()
/// }
///
/// let mux = HandlerMux::new().route("route", routes).route("render", renderings);
/// let error = mux.handle(&Headers::new().with("handler-id", "paint"), &Bytes::new()).unwrap_err();
/// assert_eq!(error.message(), r#"header "handler-id": no handler "paint", the handlers are "render", "route""#);
/// ```
pub struct HandlerMux {
    key: Arc<str>,
    /// In order, so that messages name them in the same order every time.
    routes: BTreeMap<Arc<str>, Box<dyn Handler>>,
    fallback: Option<Box<dyn Handler>>,
}

impl HandlerMux {
    /// No handlers yet.
    pub fn new() -> Self {
        Self { key: header::HANDLER_ID.into(), routes: BTreeMap::new(), fallback: None }
    }

    /// Sets the name of the header that holds the id.
    #[must_use]
    pub fn key(mut self, name: impl Into<Arc<str>>) -> Self {
        self.key = name.into();
        self
    }

    /// Adds the handler of messages with this id. It takes the place of an earlier one for the same id.
    #[must_use]
    pub fn route(mut self, id: impl Into<Arc<str>>, handler: impl Handler) -> Self {
        self.routes.insert(id.into(), Box::new(handler));
        self
    }

    /// Sets the handler of messages whose id is unknown or missing.
    #[must_use]
    pub fn fallback(mut self, handler: impl Handler) -> Self {
        self.fallback = Some(Box::new(handler));
        self
    }

    fn unknown(&self, id: Option<&str>) -> Error {
        const NAMED: usize = 8;
        let what = id.map_or_else(|| "it is missing".into(), |id| format!("no handler {}", quoted(id)));
        let names: Vec<_> = self.routes.keys().take(NAMED).map(|id| quoted(id)).collect();
        let known = match self.routes.len() {
            0 => "there are no handlers".into(),
            all if all > NAMED => format!("the handlers are {} and {} more", names.join(", "), all - NAMED),
            _ => format!("the handlers are {}", names.join(", ")),
        };
        Error::new(ErrorKind::InvalidHeaders, format!("header {}: {what}, {known}", quoted(&self.key)))
    }
}

impl Default for HandlerMux {
    fn default() -> Self {
        Self::new()
    }
}

/// Fails with [`ErrorKind::InvalidHeaders`] if the header is not a string, fallback or not; and if the id is unknown or
/// missing and there is no fallback.
impl Handler for HandlerMux {
    fn handle(&self, headers: &Headers, body: &Bytes) -> Result<BoxTask, Error> {
        let id = headers.optional_string(&self.key)?;
        let handler = id.and_then(|id| self.routes.get(id)).or(self.fallback.as_ref());
        handler.ok_or_else(|| self.unknown(id))?.handle(headers, body)
    }
}

impl fmt::Debug for HandlerMux {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandlerMux")
            .field("key", &self.key)
            .field("routes", &self.routes.keys())
            .field("fallback", &self.fallback.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failing(word: &'static str) -> impl Handler {
        move |_: &Headers, _: &Bytes| Err(Error::new(ErrorKind::InternalHandler, word))
    }

    fn message(mux: &HandlerMux, headers: &Headers) -> String {
        mux.handle(headers, &Bytes::new()).expect_err("every handler here fails").message().to_owned()
    }

    #[test]
    fn the_header_picks_the_handler() {
        let mux = HandlerMux::new().route("a", failing("A")).route("b", failing("B"));
        assert_eq!(message(&mux, &Headers::new().with("handler-id", "a")), "A");
        assert_eq!(message(&mux, &Headers::new().with("handler-id", "b")), "B");
        let mux = mux.key("kind").route("a", failing("another A"));
        assert_eq!(message(&mux, &Headers::new().with("kind", "a")), "another A");
    }

    #[test]
    fn unknown_and_missing_ids_are_errors_that_name_the_known_ones() {
        let mux = HandlerMux::new().route("b", failing("B")).route("a", failing("A"));
        let error = mux.handle(&Headers::new(), &Bytes::new()).expect_err("no id");
        assert_eq!(error.kind(), ErrorKind::InvalidHeaders);
        assert_eq!(error.message(), r#"header "handler-id": it is missing, the handlers are "a", "b""#);
        let empty = HandlerMux::new();
        let headers = Headers::new().with("handler-id", "a");
        assert_eq!(
            message(&empty, &headers),
            r#"header "handler-id": no handler "a", there are no handlers"#
        );
    }

    #[test]
    fn a_hundred_known_ids_are_not_all_named() {
        let mux = (0..100).fold(HandlerMux::new(), |mux, id| mux.route(format!("{id:03}"), failing("")));
        let message = message(&mux, &Headers::new().with("handler-id", "x".repeat(100_000)));
        assert!(message.ends_with(r#""006", "007" and 92 more"#), "{message}");
        assert!(message.len() < 300);
    }

    #[test]
    fn a_fallback_takes_unknown_and_missing_ids_but_not_ids_of_another_type() {
        let mux = HandlerMux::new().route("a", failing("A")).fallback(failing("fallback"));
        assert_eq!(message(&mux, &Headers::new()), "fallback");
        assert_eq!(message(&mux, &Headers::new().with("handler-id", "z")), "fallback");
        let error = mux.handle(&Headers::new().with("handler-id", 1), &Bytes::new()).expect_err("an integer");
        assert_eq!(error.kind(), ErrorKind::InvalidHeaders);
    }

    #[test]
    fn handlers_can_be_boxed_and_shared() {
        let boxed: Box<dyn Handler> = Box::new(failing("boxed"));
        let shared: Arc<dyn Handler> = Arc::new(failing("shared"));
        let mux = HandlerMux::new().route("a", boxed).route("b", shared);
        assert_eq!(message(&mux, &Headers::new().with("handler-id", "b")), "shared");
    }
}
