//! What services without Occamy have: threads that take requests from a queue, as many as cores.
//!
//! A fixed pool does nothing else. With a priority queue whoever finds no request takes a job of lower priority, an
//! assistant of the running request that has fewest hands. Nobody is told to stop, so an assistant goes on until its
//! request has no piece left to take, while requests wait.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use super::crew::{Crew, Open};
use super::job::Job;

/// The threads and their queue. They end when this is dropped.
#[derive(Debug)]
pub(super) struct Workers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    /// Whether a thread without a request assists another's.
    assists: bool,
    queue: Mutex<Queue>,
    /// There is something to do, or no more will come.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<(Arc<Job>, Arc<Open>)>,
    running: Vec<Running>,
    closed: bool,
}

#[derive(Debug)]
struct Running {
    job: Arc<Job>,
    hands: usize,
}

enum Duty {
    Lead(Arc<Job>, Arc<Open>),
    Assist(Arc<Job>),
}

impl Workers {
    pub(super) fn start(threads: usize, assists: bool) -> Self {
        let shared = Arc::new(Shared { assists, queue: Mutex::default(), changed: Condvar::new() });
        let threads = (0..threads)
            .map(|_| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || shared.work())
            })
            .collect();
        Self { shared, threads }
    }
}

impl Crew for Workers {
    fn take(&self, job: Arc<Job>, open: &Arc<Open>) {
        self.shared.queue().waiting.push_back((job, Arc::clone(open)));
        self.shared.changed.notify_one();
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.shared.queue().closed = true;
        self.shared.changed.notify_all();
        for thread in self.threads.drain(..) {
            // A thread that panicked has told so itself, and the trace never ends without it.
            drop(thread.join());
        }
    }
}

impl Shared {
    fn work(&self) {
        while let Some(duty) = self.next() {
            match duty {
                Duty::Lead(job, open) => {
                    job.lead();
                    self.queue().running.retain(|running| !Arc::ptr_eq(&running.job, &job));
                    open.close();
                }
                Duty::Assist(job) => {
                    let assisted = job.assist(|| false);
                    debug_assert!(assisted.is_ok(), "nobody is told to stop");
                    let mut queue = self.queue();
                    let running = queue.running.iter_mut().find(|running| Arc::ptr_eq(&running.job, &job));
                    running.into_iter().for_each(|running| running.hands -= 1);
                }
            }
        }
    }

    /// Waits for something to do. Nothing, when no more will come.
    fn next(&self) -> Option<Duty> {
        let mut queue = self.queue();
        loop {
            if let Some((job, open)) = queue.waiting.pop_front() {
                queue.running.push(Running { job: Arc::clone(&job), hands: 1 });
                if self.assists {
                    self.changed.notify_all();
                }
                return Some(Duty::Lead(job, open));
            }
            if let Some(job) = queue.in_need().filter(|_| self.assists) {
                return Some(Duty::Assist(job));
            }
            if queue.closed {
                return None;
            }
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// The oldest of those with fewest hands that have pieces left to take.
    fn in_need(&mut self) -> Option<Arc<Job>> {
        let open = self.running.iter_mut().filter(|running| running.job.untaken_pieces() > 0);
        let running = open.min_by_key(|running| running.hands)?;
        running.hands += 1;
        Some(Arc::clone(&running.job))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::claim::crew::hand_over;
    use crate::claim::job::Cut;

    fn jobs(count: usize) -> Vec<Arc<Job>> {
        let cut = Cut { piece: 100, look: 10 };
        (0..count).map(|_| Arc::new(Job::new(Duration::ZERO, 1_000, cut))).collect()
    }

    #[test]
    fn every_request_is_done_with_and_without_assistants() {
        for assists in [false, true] {
            let (jobs, workers) = (jobs(20), Workers::start(3, assists));
            let began = hand_over(&jobs, usize::MAX, &workers);
            assert!(jobs.iter().all(|job| job.times(began).is_some() && job.untaken_pieces() == 0));
        }
    }

    #[test]
    fn who_has_fewest_hands_is_assisted_first_and_who_needs_none_is_not() {
        let jobs = jobs(3);
        assert!(jobs[0].assist(|| false).is_ok());
        let running = |job: &Arc<Job>, hands| Running { job: Arc::clone(job), hands };
        let running = vec![running(&jobs[0], 0), running(&jobs[1], 2), running(&jobs[2], 1)];
        let mut queue = Queue { running, ..Queue::default() };
        assert!(Arc::ptr_eq(&queue.in_need().unwrap(), &jobs[2]));
        assert!(Arc::ptr_eq(&queue.in_need().unwrap(), &jobs[1]), "it is the older of two with as many");
    }
}
