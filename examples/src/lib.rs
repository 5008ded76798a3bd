//! What the example programs share.

// A test may unwrap: its panic is the message.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod picture;
pub mod routes;
pub mod tsp;
