//! The one shape of future in object-safe traits.

use std::pin::Pin;

/// A future on the heap that can be sent to another thread: what the object-safe traits of this crate return.
///
/// It is the same type as `futures::future::BoxFuture`, so `.boxed()` makes one, and so does `Box::pin(async { .. })`.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
