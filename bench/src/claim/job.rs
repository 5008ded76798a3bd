//! An elastic request: an amount of work in small pieces, of which as many hands may take as there are.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::stretch::Stretch;
use crate::times::Times;

/// A request, shared by all who work on it.
#[derive(Debug)]
pub(super) struct Job {
    /// Since the trace began.
    pub(super) arrival: Duration,
    /// The steps of computing that it takes.
    pub(super) steps: u64,
    cut: Cut,
    left: Mutex<Left>,
    /// A piece was given back, or the last one finished.
    changed: Condvar,
    thrown: AtomicU64,
    handed_over: OnceLock<Instant>,
    started: OnceLock<Instant>,
    ended: OnceLock<Instant>,
}

/// How work is cut, in steps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    /// What one hand takes at a time, and loses when it is told to stop.
    pub(super) piece: u64,
    /// What is computed between two looks at the stop.
    pub(super) look: u64,
}

#[derive(Debug)]
struct Left {
    /// Steps of pieces that nobody has taken yet.
    untaken: u64,
    /// Pieces that somebody works on.
    in_hand: usize,
}

/// Told to stop before the work was done.
#[derive(Debug)]
pub(super) struct Stopped;

impl Job {
    pub(super) fn new(arrival: Duration, steps: u64, cut: Cut) -> Self {
        Self {
            arrival,
            steps,
            cut,
            left: Mutex::new(Left { untaken: steps, in_hand: 0 }),
            changed: Condvar::new(),
            thrown: AtomicU64::new(0),
            handed_over: OnceLock::new(),
            started: OnceLock::new(),
            ended: OnceLock::new(),
        }
    }

    /// The broker hands it over now.
    pub(super) fn hand_over(&self) {
        self.handed_over.get_or_init(Instant::now);
    }

    /// The master's part: takes pieces until all are done, by whomever.
    pub(super) fn lead(&self) {
        self.started.get_or_init(Instant::now);
        loop {
            let assisted = self.assist(|| false);
            debug_assert!(assisted.is_ok(), "nobody stops the master");
            let done = self.changed.wait_while(self.left(), |left| left.untaken == 0 && left.in_hand > 0);
            if done.unwrap_or_else(PoisonError::into_inner).untaken == 0 {
                break;
            }
        }
        self.ended.get_or_init(Instant::now);
    }

    /// An assistant's part: takes pieces until none is left to take. The piece in hand when it is told to stop is given
    /// back, and what was done of it thrown away.
    pub(super) fn assist(&self, is_stopped: impl Fn() -> bool) -> Result<(), Stopped> {
        while let Some(piece) = self.take() {
            let mut done = 0;
            while done < piece {
                if is_stopped() {
                    self.thrown.fetch_add(done, Ordering::Relaxed);
                    self.lay_down(piece);
                    return Err(Stopped);
                }
                let next = self.cut.look.min(piece - done);
                Stretch { steps: next }.compute();
                done += next;
            }
            self.lay_down(0);
        }
        Ok(())
    }

    /// How many pieces nobody has taken yet.
    pub(super) fn untaken_pieces(&self) -> usize {
        usize::try_from(self.left().untaken.div_ceil(self.cut.piece)).unwrap_or(usize::MAX)
    }

    fn take(&self) -> Option<u64> {
        let mut left = self.left();
        let piece = left.untaken.min(self.cut.piece);
        if piece == 0 {
            return None;
        }
        left.untaken -= piece;
        left.in_hand += 1;
        Some(piece)
    }

    /// A piece is no longer in hand: so much of it has to be taken again.
    fn lay_down(&self, undone: u64) {
        let mut left = self.left();
        left.untaken += undone;
        left.in_hand -= 1;
        // To wake somebody is a call of the system even where nobody waits, and only the master may have a reason to.
        let concerns_master = undone > 0 || (left.untaken == 0 && left.in_hand == 0);
        drop(left);
        if concerns_master {
            self.changed.notify_all();
        }
    }

    /// What became of it in a trace that began then. Nothing unless it is done.
    pub(super) fn times(&self, began: Instant) -> Option<Times> {
        let since = |at: &OnceLock<Instant>| Some(at.get()?.saturating_duration_since(began));
        Some(Times {
            arrival: self.arrival,
            handed_over: since(&self.handed_over)?,
            start: since(&self.started)?,
            end: since(&self.ended)?,
        })
    }

    /// The steps that were done in vain.
    pub(super) fn thrown(&self) -> u64 {
        self.thrown.load(Ordering::Relaxed)
    }

    fn left(&self) -> MutexGuard<'_, Left> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const CUT: Cut = Cut { piece: 10, look: 4 };

    #[test]
    fn who_is_stopped_gives_its_piece_back_and_the_master_does_it() {
        let job = Job::new(Duration::ZERO, 25, CUT);
        assert_eq!(job.untaken_pieces(), 3);
        // Looks before the steps 0, 4 and 8 of the first piece, and of the second before 0 and 4.
        let looks = Cell::new(0);
        let stopped = job.assist(|| looks.replace(looks.get() + 1) == 4);
        assert!(stopped.is_err());
        assert_eq!(job.thrown(), 4);
        let Left { untaken, in_hand } = *job.left();
        assert_eq!((untaken, in_hand), (15, 0));
        assert!(job.ended.get().is_none());

        job.lead();
        assert_eq!((job.thrown(), job.untaken_pieces()), (4, 0));
        assert!(job.started.get() <= job.ended.get());
        assert!(job.assist(|| true).is_ok(), "there is nothing left to be stopped at");
    }

    #[test]
    fn the_master_waits_for_the_pieces_that_others_have_in_hand() {
        let job = Job::new(Duration::ZERO, 10, CUT);
        let piece = job.take().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| job.lead());
            while job.started.get().is_none() {
                std::thread::yield_now();
            }
            assert!(job.ended.get().is_none());
            job.lay_down(piece);
        });
        assert!(job.ended.get().is_some());
    }
}
