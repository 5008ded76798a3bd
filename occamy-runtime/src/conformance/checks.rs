//! The checks by name, and what each promise is.

mod requests;

use std::sync::Arc;
use std::time::Duration;

use occamy_core::BoxFuture;

use super::failure::Checked;
use super::world::World;

/// One check.
pub(super) struct Check {
    pub(super) name: &'static str,
    /// The promise that is checked.
    pub(super) promise: &'static str,
    /// How long it may take.
    pub(super) limit: Duration,
    /// It disturbs others, and runs alone, after them.
    pub(super) alone: bool,
    pub(super) run: fn(Arc<World>) -> BoxFuture<'static, Checked>,
}

const MINUTE: Duration = Duration::from_secs(60);

macro_rules! checks {
    ($($module:ident::$name:ident, $promise:literal $(, limit $limit:expr)? $(, $alone:ident)?;)*) => {
        &[$(Check {
            name: stringify!($name),
            promise: $promise,
            limit: checks!(@limit $($limit)?),
            alone: checks!(@alone $($alone)?),
            run: |world| Box::pin($module::$name(world)),
        },)*]
    };
    (@limit) => { MINUTE };
    (@limit $limit:expr) => { $limit };
    (@alone) => { false };
    (@alone alone) => { true };
}

pub(super) const CHECKS: &[Check] = checks! {
    requests::request_to_one_server, "a request goes to exactly one server";
};
