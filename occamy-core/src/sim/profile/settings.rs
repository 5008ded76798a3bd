//! The settings of simulated servers: mostly small, where things get tight.

use std::time::Duration;

use fastrand::Rng;

use crate::scheduler::Config;

/// The time in which things happen in a world, and the grain of which all times are multiples. In a third of the worlds it
/// is so coarse that many things fall on the same moment.
pub(crate) fn draw_unit(rng: &mut Rng) -> (Duration, Duration) {
    let unit_and_grain =
        [(1_000, 1), (3_000, 1), (40_000, 1), (1_000_000, 1), (10_000, 1_000), (20_000, 1_000)];
    let (unit, grain) = unit_and_grain[rng.usize(0..unit_and_grain.len())];
    (Duration::from_micros(unit), Duration::from_micros(grain))
}

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
    // Offers fill a server whose bounds allow it; then there is much to evict.
    (config.max_offers, config.max_offer_bytes) =
        if rng.bool() { (rng.usize(0..=8), rng.usize(0..=400)) } else { (2 * slots, 200 * slots) };
    config.limits.max_attempts = rng.u32(1..=4);
    config.limits.retry_delay = unit;
    config
}
