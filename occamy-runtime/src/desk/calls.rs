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
//! short requests arrive each second, that saves as many wake-ups. And where a future is started it comes first: it sends
//! for a thread when it rests for the first time, or when it is done and somebody else is still to be asked. Mail waits for
//! neither. Once a second all this is forgotten, and a thread sent for if anything waits: whoever was to come may be kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use occamy_core::BoxTask;
use occamy_core::scheduler::TaskKey;

use super::table::{Errand, Errands};
use crate::host::Host;

/// The calls that wait for a thread, and the threads.
#[derive(Debug, Default)]
pub(super) struct Calls {
    waiting: BTreeMap<Turn, TaskKey>,
    last: Turn,
    /// Something waits that no nap is to delay.
    urgent: bool,
    /// Something else than a future may wait for its calls, or for others to answer theirs.
    fresh: bool,
    coming: Coming,
    /// A thread is there and sleeps for a moment.
    napping: bool,
    /// Threads that are there.
    here: usize,
}

/// Whether one more thread is on its way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Coming {
    #[default]
    No,
    /// A future that was started will send for it.
    Put,
    /// It was sent for.
    Yes,
}

/// What is to be done about calls that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    Nothing,
    /// Send for a thread.
    Thread,
    /// Have the future that is about to start send for a thread.
    Word,
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
    /// A task is to be asked for assistants.
    pub(super) fn ask(&mut self, task: TaskKey, errands: &mut Errands) {
        self.queue(task, errands);
    }

    /// A task has mail.
    pub(super) fn post(&mut self, task: TaskKey, errands: &mut Errands) {
        self.queue(task, errands);
        // Whoever is at it comes back for it, and no other could take it.
        self.urgent |= errands.attendance != Attendance::Attended;
    }

    /// Calls for a task again, if there is more for it. Others that wait come first.
    pub(super) fn again(&mut self, task: TaskKey, errands: &mut Errands) {
        errands.attendance = Attendance::Nobody;
        if !errands.mailbox.is_empty() {
            self.post(task, errands);
        } else if errands.expand.is_some() {
            self.ask(task, errands);
        }
    }

    /// Calls for a task that nobody came for, unless somebody is about to by now.
    pub(super) fn resume(&mut self, task: TaskKey, errands: &mut Errands) {
        if errands.attendance == Attendance::Nobody {
            self.again(task, errands);
        }
    }

    fn queue(&mut self, task: TaskKey, errands: &mut Errands) {
        if errands.attendance == Attendance::Nobody {
            self.last.0 += 1;
            self.waiting.insert(self.last, task);
            self.fresh = true;
            errands.attendance = Attendance::Waiting(self.last);
        }
    }

    /// A task starts that is no future: it does not wait for one, nor for slots that are kept for one's answer.
    pub(super) fn computes(&mut self) {
        self.fresh = true;
    }

    /// A task has nothing to be called for any more.
    pub(super) fn withdraw(&mut self, errands: &mut Errands) {
        if let Attendance::Waiting(turn) = errands.attendance {
            self.waiting.remove(&turn);
            errands.attendance = Attendance::Nobody;
        }
    }

    /// The task whose turn it is, for a thread that looks.
    pub(super) fn next(&mut self) -> Option<TaskKey> {
        let next = self.waiting.pop_first().map(|(_, task)| task);
        if self.waiting.is_empty() {
            self.urgent = false;
            // Or those that come later would wait for a future that was not told of them.
            self.word_given();
        }
        next
    }

    /// What is needed, which from here on counts as done. A future may be about to start.
    pub(super) fn need(&mut self, future: bool) -> Need {
        // A future may block its thread: those that have nothing to do with it don't wait for it.
        let put = self.coming == Coming::Put && (future || !self.fresh);
        let waits = !self.urgent && (self.napping || put);
        self.fresh = false;
        if self.waiting.is_empty() || waits || self.coming == Coming::Yes {
            return Need::Nothing;
        }
        let puts = future && !self.urgent;
        self.coming = if puts { Coming::Put } else { Coming::Yes };
        if puts { Need::Word } else { Need::Thread }
    }

    /// True if a thread has to be sent for, whatever else is about to happen.
    pub(super) fn sends(&mut self) -> bool {
        self.need(false) == Need::Thread
    }

    /// The future that was to send for a thread rests, or is done: it does so now, if that is still called for.
    pub(super) fn word_given(&mut self) {
        if self.coming == Coming::Put {
            self.coming = Coming::No;
        }
    }

    /// Time enough has passed for whoever was to come, and for a future that was to send: neither is waited for any more.
    ///
    /// A future may block its thread. And where the system has no thread for the moment, tokio keeps what it was sent for
    /// until one of the threads that are there is done, and they may all be at slow calls. A thread that comes late, after
    /// another did instead, finds nothing and goes.
    pub(super) fn loses_patience(&mut self) {
        self.coming = Coming::No;
    }

    /// A thread has come.
    pub(super) fn came(&mut self) {
        self.coming = Coming::No;
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
        self.coming = Coming::No;
        self.here == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A thread comes, and is at the first call.
    fn busy_with(calls: &mut Calls, task: TaskKey) {
        calls.came();
        assert_eq!(calls.next(), Some(task));
    }

    #[test]
    fn a_thread_is_sent_for_only_where_none_would_look() {
        let (mut calls, mut first, mut second) = <(Calls, Errands, Errands)>::default();
        assert!(!calls.sends(), "there is nothing to do");
        calls.ask(TaskKey(1), &mut first);
        assert!(calls.sends());
        calls.ask(TaskKey(2), &mut second);
        assert!(!calls.sends(), "one is on the way");
        busy_with(&mut calls, TaskKey(1));
        assert!(calls.sends(), "it may take long there");
        busy_with(&mut calls, TaskKey(2));
        assert!(!calls.sends(), "nothing waits");
        (first.attendance, first.expand) = (Attendance::Attended, Some(1));
        calls.ask(TaskKey(1), &mut first);
        assert!(!calls.sends(), "who is at it will look");
        calls.again(TaskKey(1), &mut first);
        assert_eq!(calls.next(), Some(TaskKey(1)));
    }

    #[test]
    fn questions_wait_for_a_nap_to_end_and_mail_does_not() {
        let (mut calls, mut first, mut second) = <(Calls, Errands, Errands)>::default();
        calls.came();
        assert!(calls.naps());
        calls.ask(TaskKey(1), &mut first);
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
    fn a_future_comes_first_but_not_before_mail() {
        let (mut calls, mut first, mut second) = <(Calls, Errands, Errands)>::default();
        calls.ask(TaskKey(1), &mut first);
        assert_eq!(calls.need(true), Need::Word);
        calls.ask(TaskKey(2), &mut second);
        assert_eq!(calls.need(true), Need::Nothing, "the first future will send");
        assert_eq!(calls.need(false), Need::Nothing, "nobody else has come");
        calls.word_given();
        assert_eq!(calls.need(false), Need::Thread);

        let (mut calls, mut first, mut second) = <(Calls, Errands, Errands)>::default();
        calls.ask(TaskKey(1), &mut first);
        assert_eq!(calls.need(true), Need::Word);
        calls.post(TaskKey(2), &mut second);
        assert_eq!(calls.need(true), Need::Thread);
        calls.word_given();
        assert_eq!(calls.need(false), Need::Nothing, "it was sent for meanwhile");

        let (mut calls, mut first, mut second) = <(Calls, Errands, Errands)>::default();
        calls.ask(TaskKey(1), &mut first);
        assert_eq!(calls.need(true), Need::Word);
        calls.ask(TaskKey(2), &mut second);
        assert_eq!(calls.need(false), Need::Thread, "this is no future");
    }

    #[test]
    fn a_future_sends_for_nobody_once_what_it_was_told_of_is_done() {
        let (mut calls, mut future) = <(Calls, Errands)>::default();
        calls.came();
        calls.ask(TaskKey(1), &mut future);
        assert_eq!(calls.need(true), Need::Word);
        assert_eq!([calls.next(), calls.next()], [Some(TaskKey(1)), None]);
        assert!(calls.naps());
        let (mut first, mut second) = <(Errands, Errands)>::default();
        calls.ask(TaskKey(2), &mut first);
        calls.ask(TaskKey(3), &mut second);
        assert!(!calls.sends());
        calls.wakes();
        assert_eq!(calls.next(), Some(TaskKey(2)));
        assert!(calls.sends(), "the other does not wait for the future, which may block its thread");
    }

    #[test]
    fn what_is_withdrawn_is_called_for_by_nobody() {
        let (mut calls, mut errands) = <(Calls, Errands)>::default();
        calls.ask(TaskKey(1), &mut errands);
        calls.withdraw(&mut errands);
        assert!(!calls.sends());
        assert_eq!(calls.next(), None);
        calls.ask(TaskKey(1), &mut errands);
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
        calls.ask(TaskKey(2), &mut second);
        assert_eq!(calls.need(true), Need::Word);
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
        calls.ask(TaskKey(1), &mut first);
        assert!(calls.sends());
        assert!(calls.nobody_comes());
        assert!(calls.sends(), "it is tried again");
        busy_with(&mut calls, TaskKey(1));
        calls.ask(TaskKey(2), &mut second);
        assert!(calls.sends());
        assert!(!calls.nobody_comes(), "the one that is there will be back");
    }
}
