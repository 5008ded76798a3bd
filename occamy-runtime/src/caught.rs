//! Panics of user code, turned into errors.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use occamy_core::{Error, ErrorKind};

/// Calls user code. A panic becomes an error of the given kind, with the panic's message.
///
/// What the code left half done is the user's own: nothing of ours is borrowed by it.
pub(crate) fn caught<T>(kind: ErrorKind, code: impl FnOnce() -> T) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(code)).map_err(|payload| panicked(kind, payload))
}

/// Drops something of the user's, whose drop may panic.
pub(crate) fn bury<T>(object: T) {
    if let Err(error) = caught(ErrorKind::UnknownTask, || drop(object)) {
        tracing::error!(%error, "a value of the user's panicked when it was dropped");
    }
}

/// A caught panic as an error, with the panic's message.
pub(crate) fn panicked(kind: ErrorKind, payload: Box<dyn Any + Send>) -> Error {
    let message = if let Some(message) = payload.downcast_ref::<&'static str>() {
        (*message).to_owned()
    } else if let Some(message) = payload.downcast_ref::<String>() {
        message.clone()
    } else {
        "with a payload that is no string".to_owned()
    };
    // A payload may panic again when it is dropped. Leaking it is the lesser evil.
    std::mem::forget(payload);
    Error::new(kind, format!("panicked: {message}"))
}
