//! What the example programs share.

// A test may unwrap: its panic is the message.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod arguments;
pub mod broker;
pub mod custom_transport;
pub mod eviction;
pub mod json;
mod observed;
mod output;
pub mod picture;
pub mod routes;
pub mod tsp;
pub mod worker;

/// The README's server compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
