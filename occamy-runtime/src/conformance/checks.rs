//! The checks by name, and what each promise is.

mod access;
mod contents;
mod control;
mod dead;
mod hostile;
mod load;
mod outages;
mod requests;
mod requeue;

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

/// Limits are in minutes; one is the default.
macro_rules! checks {
    ($($module:ident::$name:ident, $promise:literal $(, limit $limit:literal)? $(, alone $alone:literal)?;)*) => {
        &[$(Check {
            name: stringify!($name),
            promise: $promise,
            limit: Duration::from_secs(60 * checks!(@or 1, $($limit)?)),
            alone: checks!(@or false, $($alone)?),
            run: |world| Box::pin($module::$name(world)),
        },)*]
    };
    (@or $default:literal,) => { $default };
    (@or $default:literal, $value:literal) => { $value };
}

/// Those first that take longest.
pub(super) const CHECKS: &[Check] = checks! {
    load::nothing_is_lost_whatever_happens,
        "requests sent = requests done + dead letters, whatever fails and whoever dies", limit 5;
    load::nothing_runs_twice_without_faults, "without faults no request runs twice", limit 3;
    outages::broker_away,
        "without a broker a server waits in peace, and works again 10 s after its return", limit 2;
    outages::half_open_connection,
        "a connection whose other side is silent is given up within 35 s", limit 2;
    hostile::hostile_headers_do_no_harm, "hostile headers do no harm", limit 7;
    outages::killed_server_loses_nothing, "what a killed server was working on runs elsewhere";
    requests::request_to_one_server, "a request goes to exactly one server";
    requests::in_flight_within_slots, "a server has no more requests under way than it has slots", limit 2;
    requests::long_task_keeps_its_lease, "a task may run longer than the lease, and is delivered once", limit 2;
    requests::settle_in_any_order, "requests can be settled in any order", limit 2;
    requeue::requeue_reaches_another_server, "what is handed back reaches another server", limit 2;
    requeue::requeue_does_not_spin, "what a lone server hands back doesn't spin";
    requeue::handing_back_uses_up_no_attempts, "interruption and refusal use up no attempts", limit 2;
    dead::dead_letter_after_max_attempts,
        "a failing request becomes a dead letter after its attempts, with body, headers and reason";
    dead::bad_request_dies_at_once, "a bad request becomes a dead letter at once";
    contents::typed_headers_round_trip, "headers keep their types and values", limit 2;
    contents::empty_and_maximal_bodies,
        "the empty and the largest body come through, and a larger one is refused", limit 3;
    control::control_to_every_server, "a control message goes to every server, once";
    control::control_flood_delays_no_request, "control messages don't delay requests", limit 2;
    load::shutdown_under_load, "a shutdown loses nothing", limit 2;
    access::wrong_password, "a wrong password is a clear error, and seen nowhere";
    access::tls_wrong_host_name, "a certificate for another host is refused with a clear error";
    access::tls_expired, "an expired certificate is refused with a clear error";
    access::tls_self_signed, "a certificate that nobody trusted has signed is refused with a clear error";
    outages::broker_restarted,
        "a task goes on while its broker is restarted, and is settled once", limit 3, alone true;
};
