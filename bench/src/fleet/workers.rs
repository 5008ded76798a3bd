//! A server of the simulated fleet without Occamy: workers that ask the broker for a request whenever they have nothing to
//! do. With a priority queue whoever gets none assists a request of its server, and asks again when that is done.

use occamy_core::scheduler::TaskKey;

use super::floor::{Floor, Hand};
use super::site::Site;

/// The workers of a server.
pub(super) struct Workers {
    free: usize,
    assist: bool,
    /// Those that are worked on, oldest first.
    running: Vec<usize>,
    last_key: u64,
}

impl Workers {
    pub(super) fn new(workers: usize, assist: bool) -> Self {
        Self { free: workers, assist, running: Vec::new(), last_key: 0 }
    }

    fn work_on(&mut self, request: usize, floor: &mut Floor) {
        self.free -= 1;
        self.last_key += 1;
        floor.join(request, TaskKey(self.last_key));
    }
}

impl Site for Workers {
    fn room(&self) -> usize {
        self.free
    }

    fn take(&mut self, request: usize, floor: &mut Floor) {
        self.running.push(request);
        self.work_on(request, floor);
    }

    fn done(&mut self, request: usize, hands: Vec<Hand>, _: &mut Floor) {
        self.running.retain(|&running| running != request);
        self.free += hands.len();
    }

    /// Whoever has nothing to do joins the request that has fewest hands.
    fn rest(&mut self, floor: &mut Floor) {
        while self.assist && self.free > 0 {
            let poorest = self.running.iter().copied().min_by_key(|&request| floor.hands(request));
            let Some(request) = poorest else { return };
            self.work_on(request, floor);
        }
    }
}
