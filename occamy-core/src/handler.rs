//! What turns messages into tasks.

mod mux;

pub use mux::HandlerMux;

use std::sync::Arc;

use bytes::Bytes;

use crate::{BoxTask, Error, Headers};

/// Turns messages into tasks: requests, and control messages without a task id.
///
/// Any function of headers and body is one. So is a closure, if it names the types of both:
///
/// ```
/// use bytes::Bytes;
/// use occamy_core::{Error, Handler, Headers};
/// # use occamy_core::{Task, TaskContext, TaskDetails};
/// # struct MyTask {}
/// # impl Task for MyTask {
/// #     fn details(&self) -> TaskDetails { TaskDetails::default() }
/// #     fn run(&self, _: &TaskContext) -> Result<(), Error> { Ok(()) }
/// # }
///
/// fn serve(handler: impl Handler) {}
///
/// serve(|headers: &Headers, body: &Bytes| Ok(MyTask {}.into()));
/// ```
///
/// or through [`handler_fn`], if it doesn't:
///
/// ```
/// # use occamy_core::{handler_fn, Error, ErrorKind, Handler, Task, TaskContext, TaskDetails};
/// # struct MyTask {}
/// # impl Task for MyTask {
/// #     fn details(&self) -> TaskDetails { TaskDetails::default() }
/// #     fn run(&self, _: &TaskContext) -> Result<(), Error> { Ok(()) }
/// # }
/// # fn serve(handler: impl Handler) {}
/// serve(handler_fn(|headers, body| {
///     if body.is_empty() {
///         return Err(Error::new(ErrorKind::InvalidBody, "expected a problem to solve"));
///     }
///     let vehicles = headers.integer("vehicles")?;
///     Ok(MyTask {}.into())
/// }));
/// ```
pub trait Handler: Send + Sync + 'static {
    /// Makes a task of a message.
    ///
    /// Called on a thread that brings messages, so the next one waits for it: it decodes and checks, and leaves work to
    /// the task. It may be called from several threads at a time. A panic is caught and taken for an error.
    ///
    /// # Errors
    ///
    /// Any error makes the message a dead letter, with the error as the reason.
    fn handle(&self, headers: &Headers, body: &Bytes) -> Result<BoxTask, Error>;
}

/// A closure as a [`Handler`], for which the compiler knows the types of headers and body.
pub fn handler_fn<F>(handler: F) -> F
where
    F: Fn(&Headers, &Bytes) -> Result<BoxTask, Error> + Send + Sync + 'static,
{
    handler
}

impl<F> Handler for F
where
    F: Fn(&Headers, &Bytes) -> Result<BoxTask, Error> + Send + Sync + 'static,
{
    fn handle(&self, headers: &Headers, body: &Bytes) -> Result<BoxTask, Error> {
        self(headers, body)
    }
}

impl Handler for Box<dyn Handler> {
    fn handle(&self, headers: &Headers, body: &Bytes) -> Result<BoxTask, Error> {
        (**self).handle(headers, body)
    }
}

impl Handler for Arc<dyn Handler> {
    fn handle(&self, headers: &Headers, body: &Bytes) -> Result<BoxTask, Error> {
        (**self).handle(headers, body)
    }
}
