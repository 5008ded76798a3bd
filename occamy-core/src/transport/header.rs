//! The names of the headers that servers and transports give a meaning to.
//!
//! They are the same on every broker, so that a client in any language can write and read them. Names that begin with
//! `occamy-` are a transport's own: it sets them, and takes them off before a handler sees the message.

/// Which task a control message is for: a string. The name is a server's default and can be configured there. A control
/// message without it is an offer.
pub const TASK_ID: &str = "task-id";

/// Which handler a [`HandlerMux`](crate::HandlerMux) picks: a string. The default name; the mux can be told another.
pub const HANDLER_ID: &str = "handler-id";

/// What ties the messages and logs of one piece of work together: a string. A request without one gets a fresh one.
pub const REQUEST_ID: &str = "X-Request-ID";

/// The group of a task, for clients that say it in a header: a string.
pub const GROUP: &str = "group";

/// Which attempt a message is: an integer from 1 up. One without it is on its first.
pub const ATTEMPT: &str = "occamy-attempt";

/// Why a message became a dead letter: the text of the error.
pub const REASON: &str = "occamy-reason";

/// The kind of the error in [`REASON`]: one of the strings of [`ErrorKind::as_str`](crate::ErrorKind::as_str).
pub const KIND: &str = "occamy-kind";

/// Where a dead letter came from: the subject, queue or topic, as the broker calls it.
pub const ORIGIN: &str = "occamy-origin";
