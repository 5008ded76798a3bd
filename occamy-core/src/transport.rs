//! What brokers have in common.

pub mod header;
pub mod text;
