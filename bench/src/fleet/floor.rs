//! The floor of the simulated fleet: its time, what is due when, and the requests with the hands that work on them.

use std::collections::BTreeMap;
use std::time::Duration;

use occamy_core::scheduler::TaskKey;

use crate::times::Times;
use crate::trace::Request;

/// What all servers share in the simulation. In truth they share nothing but the broker.
pub(super) struct Floor {
    pub(super) now: Duration,
    agenda: BTreeMap<When, Due>,
    sequence: u64,
    requests: Vec<Work>,
    /// Requests whose hands have changed, so that they end at another time.
    changed: Vec<usize>,
    /// What was done in vain.
    pub(super) thrown: Duration,
    /// What a hand that is told to stop has done in vain, if it was there for so long.
    waste: Duration,
}

/// The order of what is due: by time, then as it was entered.
type When = (Duration, u64);

/// What happens.
#[derive(Clone, Debug)]
pub(super) enum Due {
    /// This request arrives at the broker.
    Arrival(usize),
    /// The work of this request is done.
    Done(usize),
    /// A server learns something.
    Told(usize, Note),
}

/// What a server learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Note {
    /// A task has ended: because it was told to stop, or by itself.
    Ended { task: TaskKey, stopped: bool },
    /// A task answers the question how it would expand.
    Answered { task: TaskKey, limit: usize },
    /// The deadline of the scheduler.
    Deadline,
}

/// A request.
#[derive(Debug)]
struct Work {
    arrival: Duration,
    /// In nanoseconds of one core.
    work: u64,
    left: u64,
    /// What is left is as of then.
    at: Duration,
    hands: Vec<Hand>,
    end_is_due: Option<When>,
    handed_over: Duration,
    start: Option<Duration>,
    end: Option<Duration>,
    server: usize,
}

/// A slot that works on a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hand {
    pub(super) task: TaskKey,
    since: Duration,
}

impl Floor {
    pub(super) fn new(trace: &[Request], waste: Duration) -> Self {
        let work = |request: &Request| Work {
            arrival: request.arrival,
            work: nanoseconds(request.work),
            left: nanoseconds(request.work),
            at: Duration::ZERO,
            hands: Vec::new(),
            end_is_due: None,
            handed_over: Duration::ZERO,
            start: None,
            end: None,
            server: 0,
        };
        let mut floor = Self {
            now: Duration::ZERO,
            agenda: BTreeMap::new(),
            sequence: 0,
            requests: trace.iter().map(work).collect(),
            changed: Vec::new(),
            thrown: Duration::ZERO,
            waste,
        };
        for (request, Request { arrival, .. }) in trace.iter().enumerate() {
            floor.enter(*arrival, Due::Arrival(request));
        }
        floor
    }

    /// Lets time pass until something is due.
    pub(super) fn next(&mut self) -> Option<Due> {
        let ((at, _), due) = self.agenda.pop_first()?;
        self.now = at;
        if let Due::Done(request) = due {
            self.progress(request);
            let work = &mut self.requests[request];
            work.end_is_due = None;
            work.end = Some(at);
        }
        Some(due)
    }

    pub(super) fn tell(&mut self, server: usize, after: Duration, note: Note) {
        self.enter(self.now + after, Due::Told(server, note));
    }

    fn enter(&mut self, at: Duration, due: Due) -> When {
        self.sequence += 1;
        self.agenda.insert((at, self.sequence), due);
        (at, self.sequence)
    }

    /// The broker hands a request to a server.
    pub(super) fn hand_over(&mut self, request: usize, server: usize) {
        let now = self.now;
        let work = &mut self.requests[request];
        (work.handed_over, work.server) = (now, server);
    }

    /// One more hand works on a request. The first that ever does is its master.
    pub(super) fn join(&mut self, request: usize, task: TaskKey) {
        self.progress(request);
        let work = &mut self.requests[request];
        work.start.get_or_insert(self.now);
        work.hands.push(Hand { task, since: self.now });
        self.changed.push(request);
    }

    /// A hand is told to stop: what it has done of its piece is lost.
    pub(super) fn leave(&mut self, request: usize, task: TaskKey) {
        self.progress(request);
        let work = &mut self.requests[request];
        let Some(at) = work.hands.iter().position(|hand| hand.task == task) else { return };
        let hand = work.hands.remove(at);
        let lost = self.waste.min(self.now - hand.since);
        // What was done with others stays done, and this hand did at least so much.
        work.left += nanoseconds(lost);
        self.thrown += lost;
        self.changed.push(request);
    }

    /// The hands of a request that is done.
    pub(super) fn dismiss(&mut self, request: usize) -> Vec<Hand> {
        std::mem::take(&mut self.requests[request].hands)
    }

    /// How many there are.
    pub(super) fn requests(&self) -> usize {
        self.requests.len()
    }

    /// How much has been done of the work of all requests.
    pub(super) fn useful(&mut self) -> Duration {
        (0..self.requests.len()).for_each(|request| self.progress(request));
        self.requests.iter().map(|work| Duration::from_nanos(work.work - work.left)).sum()
    }

    pub(super) fn hands(&self, request: usize) -> usize {
        self.requests[request].hands.len()
    }

    pub(super) fn is_done(&self, request: usize) -> bool {
        self.requests[request].end.is_some()
    }

    pub(super) fn server(&self, request: usize) -> usize {
        self.requests[request].server
    }

    /// Finds anew when those requests end whose hands have changed.
    pub(super) fn reckon(&mut self) {
        for request in std::mem::take(&mut self.changed) {
            let work = &mut self.requests[request];
            let (old, hands) = (work.end_is_due.take(), work.hands.len() as u64);
            if let Some(old) = old {
                self.agenda.remove(&old);
            }
            if hands > 0 {
                let end = self.now + Duration::from_nanos(self.requests[request].left.div_ceil(hands));
                self.requests[request].end_is_due = Some(self.enter(end, Due::Done(request)));
            }
        }
    }

    fn progress(&mut self, request: usize) {
        let work = &mut self.requests[request];
        let done = nanoseconds(self.now - work.at) * work.hands.len() as u64;
        work.left = work.left.saturating_sub(done);
        work.at = self.now;
    }

    /// What became of the requests. Nothing if any is not done.
    pub(super) fn times(&self) -> Option<Vec<Times>> {
        let times = |work: &Work| {
            let (start, end) = work.start.zip(work.end)?;
            Some(Times { arrival: work.arrival, handed_over: work.handed_over, start, end })
        };
        self.requests.iter().map(times).collect()
    }
}

/// Five hundred years fit.
fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floor(work: Duration) -> Floor {
        let mut floor = Floor::new(&[Request { arrival: Duration::ZERO, work }], Duration::from_millis(1));
        assert!(matches!(floor.next(), Some(Due::Arrival(0))));
        floor
    }

    #[test]
    fn a_request_ends_the_sooner_the_more_hands_it_has() {
        let mut floor = floor(Duration::from_millis(100));
        floor.join(0, TaskKey(1));
        floor.reckon();
        floor.tell(0, Duration::from_millis(20), Note::Deadline);
        floor.next();
        floor.join(0, TaskKey(2));
        floor.reckon();
        assert!(matches!(floor.next(), Some(Due::Done(0))));
        assert_eq!(floor.now, Duration::from_millis(20 + 80 / 2));
        assert!(floor.is_done(0) && floor.next().is_none());
        assert_eq!(floor.dismiss(0).len(), 2);
    }

    #[test]
    fn who_is_told_to_stop_has_done_a_part_in_vain() {
        let mut floor = floor(Duration::from_millis(100));
        floor.join(0, TaskKey(1));
        floor.join(0, TaskKey(2));
        floor.reckon();
        floor.tell(0, Duration::from_millis(30), Note::Deadline);
        floor.next();
        floor.leave(0, TaskKey(2));
        floor.reckon();
        floor.next();
        // After 30 ms of two hands, 40 are left, and one is lost.
        assert_eq!(floor.now, Duration::from_millis(30 + 41));
        assert_eq!(floor.thrown, Duration::from_millis(1));
        assert_eq!(floor.useful(), Duration::from_millis(100));
        let times = floor.times().unwrap();
        assert_eq!((times[0].start, times[0].end), (Duration::ZERO, Duration::from_millis(71)));
    }
}
