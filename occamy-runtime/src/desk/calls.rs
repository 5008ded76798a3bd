//! Who is to be called for beside its run, in what order, and when one more thread of the pool has to come for it.
//!
//! To wake a thread costs more than most calls, so one is sent for only where none would look by itself: nobody is on the
//! way, and whoever is there is in the user's code, which may be slow. A thread that comes and finds more than one call
//! sends for the next before it makes the first. So quick calls are made one after the other by one thread or two, and
//! behind a slow one nobody waits for longer than a thread takes to wake. A thread looks, and leaves for a call, a nap or for
//! good, within one hold of the desk's lock: so no other ever meets one that is about to look.
//!
//! A thread that asked for assistants and finds nothing more to do takes a nap before it goes. Tasks that start while it
//! sleeps are asked when it wakes, all in a row, and those that have ended by then are not asked at all: where thousands of
//! short requests arrive each second, that saves as many wake-ups. And for a future that starts nobody is sent before it
//! rests for the first time, which it tells: most short ones never rest, and need no thread. One that has not rested after a
//! [millisecond](PATIENCE) is waited for no longer, whatever happens next; nor is it where a task that computes starts, or
//! an offer arrives, for which slots may be wanted that are kept for the answer. Mail waits for nothing. Once a second all
//! this is forgotten, and a thread sent for if anything waits: who was to come, or to rest, may be kept.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use occamy_core::BoxTask;
use occamy_core::scheduler::TaskKey;

use super::table::{Errand, Errands};
use crate::host::Host;

/// How long the first poll of a future is waited for. One that takes longer computes, or blocks its thread.
const PATIENCE: Duration = Duration::from_millis(1);

/// The calls that wait for a thread, and the threads.
#[derive(Debug, Default)]
pub(super) struct Calls {
    waiting: BTreeMap<Turn, Waiting>,
    last: Turn,
    /// How many of them a thread has to come for, and for how many at once.
    due: usize,
    urgent: usize,
    /// All of them are due, and whatever comes as long as any waits.
    hurried: bool,
    /// One more thread was sent for.
    coming: bool,
    /// A thread is there and sleeps for a moment.
    napping: bool,
    /// Threads that are there.
    here: usize,
}

#[derive(Debug)]
struct Waiting {
    task: TaskKey,
    until: Until,
}

/// Until when a task waits without a thread being sent for it. It only gets more pressing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Until {
    /// The future has rested, or should have by then.
    Rest { by: Duration },
    /// The nap of the thread that takes one is over.
    Nap,
    /// It doesn't wait.
    Now,
}

/// The order in which tasks are called for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn(u64);

/// Whether anybody is about to make a task's calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Attendance {
    #[default]
    Nobody,
    /// It waits for its turn.
    Waiting(Turn),
    /// A thread is at it, and will look for more.
    Attended,
}

/// What a thread of the pool comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Since {
    /// It was sent for.
    Coming,
    /// It has done an errand of this task.
    Errand(TaskKey),
    Nap,
}

/// What a thread of the pool is to do.
pub(crate) enum Next {
    Visit(Visit),
    /// Sleep for a moment, and look again.
    Nap,
    /// Nothing more.
    Go,
}

/// A call of user code for a task.
pub(crate) struct Visit {
    pub(crate) key: TaskKey,
    pub(crate) task: BoxTask,
    pub(crate) host: Arc<Host>,
    pub(crate) errand: Errand,
    /// There is more to do, and nobody else to look for it while this one is at the user's code.
    pub(crate) send_another: bool,
}

impl Calls {
    /// A task is to be asked for assistants. If it is a future that has not [rested](Self::rests), when it was started.
    pub(super) fn ask(&mut self, task: TaskKey, unrested: Option<Duration>, errands: &mut Errands) {
        let until =
            unrested.map_or(Until::Nap, |started| Until::Rest { by: started.saturating_add(PATIENCE) });
        self.queue(task, until, errands);
    }

    /// A task has mail. Whoever is at it comes back for it, and no other could take it.
    pub(super) fn post(&mut self, task: TaskKey, errands: &mut Errands) {
        self.queue(task, Until::Now, errands);
    }

    /// A future rests for the first time.
    pub(super) fn rests(&mut self, errands: &Errands) {
        if let Attendance::Waiting(turn) = errands.attendance {
            self.press(turn, Until::Nap);
        }
    }

    /// Time has passed: who should have rested by now is waited for no longer.
    pub(super) fn pass(&mut self, now: Duration) {
        let oldest = self.waiting.first_key_value().map(|(_, oldest)| oldest.until);
        self.hurried |= matches!(oldest, Some(Until::Rest { by }) if by <= now);
    }

    /// Calls for a task again, if there is more for it. Others that wait come first.
    pub(super) fn again(&mut self, task: TaskKey, errands: &mut Errands) {
        errands.attendance = Attendance::Nobody;
        if !errands.mailbox.is_empty() {
            self.post(task, errands);
        } else if errands.expand.is_some() {
            self.ask(task, None, errands);
        }
    }

    /// Calls for a task that nobody came for, unless somebody is about to by now.
    pub(super) fn resume(&mut self, task: TaskKey, errands: &mut Errands) {
        if errands.attendance == Attendance::Nobody {
            self.again(task, errands);
        }
    }

    fn queue(&mut self, task: TaskKey, until: Until, errands: &mut Errands) {
        match errands.attendance {
            Attendance::Attended => {}
            Attendance::Waiting(turn) => self.press(turn, until),
            Attendance::Nobody => {
                self.last.0 += 1;
                self.waiting.insert(self.last, Waiting { task, until });
                self.count(until);
                errands.attendance = Attendance::Waiting(self.last);
            }
        }
    }

    fn press(&mut self, turn: Turn, until: Until) {
        let waiting = self.waiting.get_mut(&turn).expect("who has a turn waits for it");
        if until > waiting.until {
            let before = std::mem::replace(&mut waiting.until, until);
            self.count(until);
            self.discount(before);
        }
    }

    fn count(&mut self, until: Until) {
        self.due += usize::from(until >= Until::Nap);
        self.urgent += usize::from(until == Until::Now);
    }

    fn discount(&mut self, until: Until) {
        self.due -= usize::from(until >= Until::Nap);
        self.urgent -= usize::from(until == Until::Now);
    }

    /// Nobody waits for a future to rest any more: somebody wants slots that may be kept for its answer.
    pub(super) fn hurry(&mut self) {
        self.hurried = true;
    }

    /// A task has nothing to be called for any more.
    pub(super) fn withdraw(&mut self, errands: &mut Errands) {
        if let Attendance::Waiting(turn) = errands.attendance {
            let withdrawn = self.waiting.remove(&turn);
            errands.attendance = Attendance::Nobody;
            self.taken(withdrawn);
        }
    }

    /// The task whose turn it is, for a thread that looks.
    pub(super) fn next(&mut self) -> Option<TaskKey> {
        let next = self.waiting.pop_first().map(|(_, next)| next);
        self.taken(next)
    }

    fn taken(&mut self, taken: Option<Waiting>) -> Option<TaskKey> {
        let taken = taken?;
        self.discount(taken.until);
        self.hurried &= !self.waiting.is_empty();
        Some(taken.task)
    }

    /// True if a thread has to be sent for, which from here on counts as done.
    pub(super) fn sends(&mut self) -> bool {
        self.hurried &= !self.waiting.is_empty();
        let due = self.urgent > 0 || (self.due > 0 || self.hurried) && !self.napping;
        let sends = due && !self.coming;
        self.coming |= sends;
        sends
    }

    /// Time enough has passed for whoever was to come, and for a future to rest: neither is waited for any more.
    ///
    /// A future may block its thread. And where the system has no thread for the moment, tokio keeps what it was sent for
    /// until one of the threads that are there is done, and they may all be at slow calls. A thread that comes late, after
    /// another did instead, finds nothing and goes.
    pub(super) fn loses_patience(&mut self) {
        self.coming = false;
        self.hurry();
    }

    /// A thread has come.
    pub(super) fn came(&mut self) {
        self.coming = false;
        self.here += 1;
    }

    /// A thread goes.
    pub(super) fn goes(&mut self) {
        self.here -= 1;
    }

    /// True if a thread may take a nap, and does. One at a time.
    pub(super) fn naps(&mut self) -> bool {
        !std::mem::replace(&mut self.napping, true)
    }

    /// The thread that took a nap is awake.
    pub(super) fn wakes(&mut self) {
        self.napping = false;
    }

    /// The thread that was sent for can't be had. True if there is none at all.
    pub(super) fn nobody_comes(&mut self) -> bool {
        self.coming = false;
        self.here == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1);

    /// A thread comes, and is at the first call.
    fn busy_with(calls: &mut Calls, task: TaskKey) {
        calls.came();
        assert_eq!(calls.next(), Some(task));
    }

    #[test]
    fn a_thread_is_sent_for_only_where_none_would_look() {
        let (mut calls, mut first, mut second) = <(Calls, Errands, Errands)>::default();
        assert!(!calls.sends(), "there is nothing to do");
        calls.ask(TaskKey(1), None, &mut first);
        assert!(calls.sends());
        calls.ask(TaskKey(2), None, &mut second);
        assert!(!calls.sends(), "one is on the way");
        busy_with(&mut calls, TaskKey(1));
        assert!(calls.sends(), "it may take long there");
        busy_with(&mut calls, TaskKey(2));
        assert!(!calls.sends(), "nothing waits");
        (first.attendance, first.expand) = (Attendance::Attended, Some(1));
        calls.ask(TaskKey(1), None, &mut first);
        assert!(!calls.sends(), "who is at it will look");
        calls.again(TaskKey(1), &mut first);
        assert_eq!(calls.next(), Some(TaskKey(1)));
    }

    #[test]
    fn questions_wait_for_a_nap_to_end_and_mail_does_not() {
        let (mut calls, mut first, mut second) = <(Calls, Errands, Errands)>::default();
        calls.came();
        assert!(calls.naps());
        calls.ask(TaskKey(1), None, &mut first);
        assert!(!calls.sends());
        calls.post(TaskKey(2), &mut second);
        assert!(calls.sends());
        calls.came();
        assert!(!calls.naps(), "one is enough");
        assert_eq!([calls.next(), calls.next()], [TaskKey(1), TaskKey(2)].map(Some));
        calls.goes();
        calls.wakes();
        assert_eq!(calls.next(), None);
    }

    #[test]
    fn for_a_future_that_starts_nobody_is_sent_before_it_rests() {
        let (mut calls, mut first, mut second) = <(Calls, Errands, Errands)>::default();
        calls.ask(TaskKey(1), Some(NOW), &mut first);
        calls.ask(TaskKey(2), Some(NOW), &mut second);
        assert!(!calls.sends());
        calls.withdraw(&mut first);
        assert!(!calls.sends(), "it is done, and the other has not rested");
        calls.rests(&second);
        assert!(calls.sends());
        busy_with(&mut calls, TaskKey(2));
        assert!(!calls.sends(), "nothing waits");
        second.attendance = Attendance::Attended;
        calls.rests(&second);
        assert!(!calls.sends(), "who is at it will look");
    }

    #[test]
    fn nobody_waits_for_a_future_to_rest() {
        let starting = || {
            let (mut calls, mut future, other) = <(Calls, Errands, Errands)>::default();
            calls.ask(TaskKey(1), Some(NOW), &mut future);
            assert!(!calls.sends());
            (calls, future, other)
        };
        let (mut calls, _, mut other) = starting();
        calls.ask(TaskKey(2), None, &mut other);
        assert!(calls.sends(), "the other has started long ago");
        busy_with(&mut calls, TaskKey(1));
        assert!(calls.sends(), "it may take long there");

        let (mut calls, mut future, _) = starting();
        calls.post(TaskKey(1), &mut future);
        assert!(calls.sends(), "mail");

        let (mut calls, ..) = starting();
        calls.hurry();
        assert!(calls.sends(), "a task that computes, or an offer");

        let (mut calls, ..) = starting();
        calls.pass(NOW);
        assert!(!calls.sends());
        calls.pass(NOW + PATIENCE);
        assert!(calls.sends(), "it should have rested");

        let (mut calls, ..) = starting();
        calls.loses_patience();
        assert!(calls.sends(), "it may block its thread");
    }

    #[test]
    fn haste_is_over_when_nothing_waits() {
        let (mut calls, mut first, mut second) = <(Calls, Errands, Errands)>::default();
        calls.hurry();
        assert!(!calls.sends());
        calls.ask(TaskKey(1), Some(NOW), &mut first);
        assert!(!calls.sends());
        calls.hurry();
        assert!(calls.sends());
        calls.withdraw(&mut first);
        calls.came();
        assert_eq!(calls.next(), None);
        calls.ask(TaskKey(2), Some(NOW), &mut second);
        assert!(!calls.sends());
    }

    #[test]
    fn mail_that_was_taken_makes_nothing_else_urgent() {
        let (mut calls, mut first, mut second) = <(Calls, Errands, Errands)>::default();
        calls.post(TaskKey(1), &mut first);
        calls.ask(TaskKey(2), Some(NOW), &mut second);
        assert!(calls.sends());
        busy_with(&mut calls, TaskKey(1));
        assert!(!calls.sends());
    }

    #[test]
    fn what_is_withdrawn_is_called_for_by_nobody() {
        let (mut calls, mut errands) = <(Calls, Errands)>::default();
        calls.ask(TaskKey(1), None, &mut errands);
        calls.withdraw(&mut errands);
        assert!(!calls.sends());
        assert_eq!(calls.next(), None);
        calls.ask(TaskKey(1), None, &mut errands);
        assert!(calls.sends(), "it may be asked again");
    }

    #[test]
    fn mail_that_waits_for_the_call_before_it_makes_nothing_else_urgent() {
        let (mut calls, mut first, mut second) = <(Calls, Errands, Errands)>::default();
        calls.post(TaskKey(1), &mut first);
        assert!(calls.sends());
        busy_with(&mut calls, TaskKey(1));
        first.attendance = Attendance::Attended;
        calls.post(TaskKey(1), &mut first);
        calls.ask(TaskKey(2), Some(NOW), &mut second);
        assert!(!calls.sends());
    }

    #[test]
    fn patience_has_an_end() {
        let (mut calls, mut first) = <(Calls, Errands)>::default();
        calls.post(TaskKey(1), &mut first);
        assert!(calls.sends());
        assert!(!calls.sends(), "one is on the way");
        calls.loses_patience();
        assert!(calls.sends(), "that one may never come");
        calls.came();
        assert_eq!(calls.next(), Some(TaskKey(1)));
        calls.loses_patience();
        assert!(!calls.sends(), "nothing waits");
    }

    #[test]
    fn there_is_nobody_only_if_no_thread_is_there() {
        let (mut calls, mut first, mut second) = <(Calls, Errands, Errands)>::default();
        calls.ask(TaskKey(1), None, &mut first);
        assert!(calls.sends());
        assert!(calls.nobody_comes());
        assert!(calls.sends(), "it is tried again");
        busy_with(&mut calls, TaskKey(1));
        calls.ask(TaskKey(2), None, &mut second);
        assert!(calls.sends());
        assert!(!calls.nobody_comes(), "the one that is there will be back");
    }
}
