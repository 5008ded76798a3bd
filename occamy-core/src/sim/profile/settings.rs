//! The settings of simulated servers: mostly small, where things get tight.

use std::time::Duration;

use fastrand::Rng;

use crate::scheduler::Config;

/// The settings of one server. The unit is the time in which things happen in this world.
pub(crate) fn draw_config(rng: &mut Rng, unit: Duration) -> Config {
    let slots = match rng.u32(0..20) {
        0 => rng.usize(9..=40),
        1..=3 => 1,
        _ => rng.usize(2..=8),
    };
    let mut config = Config::new(slots);
    config.expansion_slot_buffer = if rng.bool() { 0 } else { rng.usize(0..slots) };
    config.kill_timeout = unit * rng.u32(1..=4) / 2;
    config.expansion_period = match rng.u32(0..4) {
        0 => None,
        1 => Some(unit / 5),
        2 => Some(unit),
        _ => Some(unit * 3),
    };
    config.eviction_overlap = if rng.bool() { 0 } else { rng.usize(0..=3) };
    config.max_offers = rng.usize(0..=8);
    config.max_offer_bytes = rng.usize(0..=400);
    config.limits.max_attempts = rng.u32(1..=4);
    config.limits.retry_delay = unit;
    config
}
