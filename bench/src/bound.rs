//! The bound: what no schedule can beat, where requests can be divided at will and all that is done for it costs nothing.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use crate::trace::Request;

/// What no schedule can beat, for one trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bound {
    /// The mean time from arrival to end.
    pub(crate) mean_completion: Duration,
    /// The times from arrival to end, had each request all that it can use to itself.
    pub(crate) alone: Vec<Duration>,
}

impl Bound {
    /// The bound for so many cores in all, of which one request can use so many at a time.
    ///
    /// Whatever the cores do one by one, a single core as fast as all of them can do as well, and on a single core nothing
    /// has a lower mean than taking what has the shortest time remaining (Schrage, “A proof of the optimality of the
    /// shortest remaining processing time discipline”, Operations Research 16, 1968). Nor is any request ever quicker than
    /// alone. The greater of the two bounds the mean.
    pub(crate) fn of(trace: &[Request], cores: u32, usable: u32) -> Self {
        let alone: Vec<Duration> = trace.iter().map(|request| request.work / usable).collect();
        let of_all = |total: Duration| total.div_f64(trace.len().max(1) as f64);
        let mean_alone = of_all(alone.iter().sum());
        Self { mean_completion: mean_alone.max(of_all(shortest_first(trace, cores))), alone }
    }
}

/// The sum of the times from arrival to end on a core as fast as `cores`, which takes what has least left.
fn shortest_first(trace: &[Request], cores: u32) -> Duration {
    let (mut now, mut total) = (Duration::ZERO, Duration::ZERO);
    // What is left of each request, by that, with its arrival.
    let mut open = BinaryHeap::new();
    let mut coming = trace.iter().peekable();
    loop {
        let Some(Reverse((left, arrival))) = open.pop() else {
            let Some(next) = coming.next() else { return total };
            now = now.max(next.arrival);
            open.push(Reverse((next.work / cores, next.arrival)));
            continue;
        };
        match coming.next_if(|next| next.arrival < now + left) {
            Some(next) => {
                open.push(Reverse((left - next.arrival.saturating_sub(now), arrival)));
                open.push(Reverse((next.work / cores, next.arrival)));
                now = now.max(next.arrival);
            }
            None => {
                now += left;
                total += now - arrival;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(requests: &[(u64, u64)]) -> Vec<Request> {
        let ms = Duration::from_millis;
        requests.iter().map(|&(arrival, work)| Request { arrival: ms(arrival), work: ms(work) }).collect()
    }

    fn mean(requests: &[(u64, u64)], cores: u32, usable: u32) -> u128 {
        Bound::of(&trace(requests), cores, usable).mean_completion.as_millis()
    }

    #[test]
    fn a_request_has_all_the_cores_that_it_can_use() {
        assert_eq!(mean(&[(0, 100)], 2, 2), 50);
        assert_eq!(mean(&[(0, 100)], 64, 4), 25);
        assert_eq!(mean(&[(0, 100), (500, 300)], 2, 2), 100);
    }

    #[test]
    fn what_has_least_left_goes_first() {
        // The long one ends at 120, the short one, which comes at 10, at 30.
        assert_eq!(mean(&[(0, 200), (10, 40)], 2, 2), (120 + 20) / 2);
        // The long one has less left than the one that comes at 90.
        assert_eq!(mean(&[(0, 200), (90, 40)], 2, 2), (100 + 30) / 2);
    }

    #[test]
    fn requests_that_come_at_once_go_one_after_the_other() {
        assert_eq!(mean(&[(0, 40), (0, 20), (0, 60)], 2, 2), (10 + 30 + 60) / 3);
        assert_eq!(mean(&[], 2, 2), 0);
    }

    #[test]
    fn alone_each_takes_its_work_divided_by_what_it_can_use() {
        let bound = Bound::of(&trace(&[(0, 40), (0, 80)]), 64, 4);
        assert_eq!(bound.alone, [Duration::from_millis(10), Duration::from_millis(20)]);
        assert_eq!(bound.mean_completion, Duration::from_millis(15));
    }
}
