//! What the transport does on a real server, beside what the conformance kit checks.

// A test may unwrap: its panic is the message.
#![allow(clippy::unwrap_used)]

mod access;
#[path = "../common/mod.rs"]
mod common;
mod dead;
mod endings;
mod messages;
mod outages;
mod proxy;
mod setup;
mod support;
mod threads;
