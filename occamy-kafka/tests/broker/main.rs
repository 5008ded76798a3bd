//! The transport at a real node, where the conformance kit doesn't look.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

mod closing;
#[path = "../common/mod.rs"]
mod common;
mod dead;
mod fencing;
mod gaps;
mod offsets;
mod partitions;
mod settlements;
mod storm;
mod support;
