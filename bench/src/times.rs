//! What became of the requests of a trace, and what is read off it.

use std::time::Duration;

/// What became of a request. All times since the trace began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) arrival: Duration,
    /// The broker's call.
    pub(crate) handed_over: Duration,
    /// The first statement of its task.
    pub(crate) start: Duration,
    /// The last of its work was done.
    pub(crate) end: Duration,
}

/// From arrival to the first statement.
pub(crate) fn starts(all: &[Times]) -> Vec<Duration> {
    all.iter().map(|times| times.start.saturating_sub(times.arrival)).collect()
}

/// From the broker's call to the first statement: without the time that the broker's own thread waits for a core.
pub(crate) fn starts_once_handed_over(all: &[Times]) -> Vec<Duration> {
    all.iter().map(|times| times.start.saturating_sub(times.handed_over)).collect()
}

/// From arrival to the end.
pub(crate) fn completions(all: &[Times]) -> Vec<Duration> {
    all.iter().map(|times| times.end.saturating_sub(times.arrival)).collect()
}

/// From the moment when there was room to the first statement: when a request had arrived, and of those before it all but
/// `slots` − 1 had ended. What other requests hold is no room. Those before it are the earlier ones: they are taken in order.
pub(crate) fn starts_given_room(all: &[Times], slots: usize) -> Vec<Duration> {
    let mut ends = Vec::<Duration>::with_capacity(all.len());
    let starts = all.iter().enumerate().map(|(index, times)| {
        // `ends` are those before this one, sorted.
        let freed = index.checked_sub(slots).map(|last_to_end| ends[last_to_end]);
        let room = freed.unwrap_or_default().max(times.arrival);
        let at = ends.partition_point(|&end| end <= times.end);
        ends.insert(at, times.end);
        times.start.saturating_sub(room)
    });
    starts.collect()
}

/// How long there was any request that had arrived and not ended.
pub(crate) fn with_work(all: &[Times]) -> Duration {
    let (mut total, mut until) = (Duration::ZERO, Duration::ZERO);
    for times in all {
        total += times.end.saturating_sub(times.arrival.max(until));
        until = until.max(times.end);
    }
    total
}

/// The mean of some times.
pub(crate) fn mean(times: &[Duration]) -> Duration {
    times.iter().sum::<Duration>().div_f64(times.len().max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(all: &[(u64, u64, u64)]) -> Vec<Times> {
        let ms = Duration::from_millis;
        let times = |&(arrival, start, end)| Times {
            arrival: ms(arrival),
            handed_over: ms(start - 1),
            start: ms(start),
            end: ms(end),
        };
        all.iter().map(times).collect()
    }

    fn milliseconds(times: &[Duration]) -> Vec<u128> {
        times.iter().map(Duration::as_millis).collect()
    }

    #[test]
    fn a_request_has_room_when_the_others_leave_a_slot() {
        // Two slots: the third comes while both are taken, until 50. The fourth finds room at 60, when two of the three
        // before it have ended. The last comes to an empty server.
        let all = times(&[(0, 1, 50), (10, 12, 60), (20, 53, 90), (30, 64, 70), (200, 205, 210)]);
        assert_eq!(milliseconds(&starts_given_room(&all, 2)), [1, 2, 3, 4, 5]);
        assert_eq!(milliseconds(&starts(&all)), [1, 2, 33, 34, 5]);
        assert_eq!(milliseconds(&starts_once_handed_over(&all)), [1; 5]);
        assert_eq!(milliseconds(&completions(&all)), [50, 50, 70, 40, 10]);
    }

    #[test]
    fn time_without_any_request_does_not_count() {
        let all = times(&[(0, 1, 50), (10, 10, 30), (40, 50, 60), (100, 100, 110)]);
        assert_eq!(with_work(&all), Duration::from_millis(70));
        assert_eq!(with_work(&[]), Duration::ZERO);
    }

    #[test]
    fn the_mean_of_nothing_is_nothing() {
        assert_eq!(mean(&[]), Duration::ZERO);
        assert_eq!(mean(&[Duration::from_millis(2), Duration::from_millis(4)]), Duration::from_millis(3));
    }
}
