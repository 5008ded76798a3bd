//! Pauses that don't keep step.

use std::ops::RangeInclusive;
use std::time::Duration;

/// A random time between these parts of a pause: `0.5..=1.5` is half to one and a half of it.
///
/// ```
/// use std::time::Duration;
///
/// let pause = occamy_transport::jittered(Duration::from_secs(1), 0.5..=1.5);
/// assert!((Duration::from_millis(500)..=Duration::from_millis(1_500)).contains(&pause));
/// ```
pub fn jittered(pause: Duration, parts: RangeInclusive<f64>) -> Duration {
    let (least, most) = (*parts.start(), *parts.end());
    let seconds = pause.as_secs_f64() * (least + fastrand::f64() * (most - least));
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

/// How long to wait before the next attempt to connect, of which the first has the number 1: 50 ms, then twice as long
/// each time up to 2 s; each time between half of it and all of it, so that the servers of a fleet don't all come at once.
pub fn backoff(attempt: usize) -> Duration {
    const FIRST: u64 = 50;
    const LONGEST: u64 = 2_000;
    let doublings = u32::try_from(attempt.saturating_sub(1)).unwrap_or(u32::MAX).min(16);
    jittered(Duration::from_millis((FIRST << doublings).min(LONGEST)), 0.5..=1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_without_end_has_none() {
        assert_eq!(jittered(Duration::MAX, 1.5..=1.5), Duration::MAX);
    }

    #[test]
    fn attempts_come_ever_more_seldom_and_never_in_step() {
        let delays = |attempt| (0..200).map(move |_| backoff(attempt).as_millis());
        assert!(delays(1).all(|delay| (25..=50).contains(&delay)));
        assert!(delays(4).all(|delay| (200..=400).contains(&delay)));
        assert!(delays(usize::MAX).all(|delay| (1_000..=2_000).contains(&delay)));
        assert!(delays(9).collect::<std::collections::BTreeSet<_>>().len() > 20);
    }
}
