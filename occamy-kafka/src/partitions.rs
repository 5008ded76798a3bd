//! The partitions that are ours, each for as long as it is assigned.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use occamy_core::LeaseWatch;
use rdkafka::{Offset, TopicPartitionList};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::gaps::Gap;
use crate::tracker::{ROOM, Taken, Tracker};

/// The partitions that are assigned to this server. Clones share it.
#[derive(Clone)]
pub(crate) struct Assignment(Arc<Inner>);

struct Inner {
    topic: String,
    runtime: Handle,
    /// How much is written beside an offset at most.
    room: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    parts: BTreeMap<i32, Part>,
}

/// One partition, from its assignment to its revocation. Clones share it. The next assignment of it is another one, so what
/// ends late can't be committed for a partition that was somebody else's meanwhile.
#[derive(Clone)]
pub(crate) struct Part {
    pub(crate) number: i32,
    state: Arc<Mutex<PartState>>,
    /// Somebody else has it. Only set under the lock.
    lost: CancellationToken,
}

#[derive(Default)]
struct PartState {
    tracker: Tracker,
    /// Whom to tell of that, by offset.
    watches: BTreeMap<i64, Vec<LeaseWatch>>,
    /// How often something was finished, and how much of that is committed.
    changes: u64,
    committed: u64,
    /// Who waits for the commit of which change.
    waiting: Vec<(u64, oneshot::Sender<()>)>,
}

/// How far all that was taken has come.
pub(crate) struct Progress {
    /// How many records are under way.
    pub(crate) open: usize,
    /// How many are finished and wait for a commit.
    pub(crate) finished: usize,
    /// There is something to commit.
    pub(crate) due: bool,
}

/// What is to be committed of a partition.
pub(crate) struct Snapshot {
    part: Part,
    changes: u64,
    offset: i64,
    metadata: String,
}

impl Assignment {
    pub(crate) fn new(topic: &str, runtime: Handle) -> Self {
        let (topic, room) = (topic.to_owned(), AtomicUsize::new(ROOM));
        Self(Arc::new(Inner { topic, runtime, room, state: Mutex::default() }))
    }

    pub(crate) fn topic(&self) -> &str {
        &self.0.topic
    }

    /// These are ours from here on, and were left so.
    pub(crate) fn add(&self, numbers: &[i32], left: &[(i32, i64, String)]) {
        let mut state = self.state();
        for &number in numbers {
            let left = left.iter().find(|(found, ..)| *found == number);
            let tracker = left
                .map_or_else(Tracker::default, |(_, offset, metadata)| Tracker::resume(*offset, metadata));
            state.parts.insert(number, Part::new(number, tracker));
        }
    }

    /// A record of this partition has come. `None` for what is done already, or isn't ours any more.
    pub(crate) fn take(&self, number: i32, offset: i64) -> Option<Part> {
        let part = self.get(number)?;
        match part.take(offset) {
            Taken::Open => Some(part),
            Taken::Finished => None,
            Taken::WentBack => {
                let topic = &self.0.topic;
                tracing::warn!(
                    topic,
                    partition = number,
                    offset,
                    "the log has gone back: it is read from there"
                );
                self.lose(&self.remove(&[number]));
                self.add(&[number], &[(number, offset, String::new())]);
                self.take(number, offset)
            }
        }
    }

    /// These are ours no more.
    pub(crate) fn remove(&self, numbers: &[i32]) -> Vec<Part> {
        let mut state = self.state();
        numbers.iter().filter_map(|number| state.parts.remove(number)).collect()
    }

    /// Tells whoever works on something of these that it may run elsewhere.
    pub(crate) fn lose(&self, parts: &[Part]) {
        for part in parts {
            let (watches, waiting) = {
                let mut state = part.state();
                part.lost.cancel();
                (std::mem::take(&mut state.watches), std::mem::take(&mut state.waiting))
            };
            // Who waits hears of it when the sender goes.
            drop(waiting);
            for lost in watches.into_values().flatten() {
                // A panic in it is not to be the end of anything else.
                self.0.runtime.spawn(async move { lost() });
            }
        }
    }

    /// None is ours any more.
    pub(crate) fn lose_all(&self) {
        let parts = std::mem::take(&mut self.state().parts);
        self.lose(&parts.into_values().collect::<Vec<_>>());
    }

    fn get(&self, number: i32) -> Option<Part> {
        self.state().parts.get(&number).cloned()
    }

    pub(crate) fn all(&self) -> Vec<Part> {
        self.state().parts.values().cloned().collect()
    }

    /// How far everything has come.
    pub(crate) fn progress(&self) -> Progress {
        let mut progress = Progress { open: 0, finished: 0, due: false };
        for part in self.state().parts.values() {
            let part = part.state();
            progress.open += part.tracker.open();
            progress.finished += part.waiting.len();
            progress.due |= part.changes > part.committed;
        }
        progress
    }

    /// What there is to commit of these, if there is anything.
    pub(crate) fn snapshot(&self, parts: &[Part]) -> Vec<Snapshot> {
        let room = self.0.room.load(Ordering::Relaxed);
        parts.iter().filter_map(|part| part.snapshot(room)).collect()
    }

    /// The brokers take less beside an offset than they do by default.
    pub(crate) fn write_less(&self) {
        self.0.room.store(self.0.room.load(Ordering::Relaxed) / 2, Ordering::Relaxed);
    }

    /// As Kafka wants to be told.
    pub(crate) fn list(&self, snapshots: &[Snapshot]) -> TopicPartitionList {
        let mut list = TopicPartitionList::with_capacity(snapshots.len());
        for Snapshot { part, offset, metadata, .. } in snapshots {
            let mut element = list.add_partition(&self.0.topic, part.number);
            if element.set_offset(Offset::Offset(*offset)).is_ok() {
                element.set_metadata(metadata);
            }
        }
        list
    }

    /// How many records are finished and wait for one before them.
    pub(crate) fn waiting(&self) -> usize {
        self.all().iter().map(|part| part.state().tracker.waiting()).sum()
    }

    /// The records that finished ones wait for.
    pub(crate) fn gaps(&self) -> Vec<Gap> {
        let gap = |part: &Part| {
            let state = part.state();
            let (offset, waiting) = (state.tracker.gap()?, state.tracker.waiting());
            Some(Gap { partition: part.number, offset, waiting })
        };
        self.all().iter().filter_map(gap).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Part {
    fn new(number: i32, tracker: Tracker) -> Self {
        let state = PartState { tracker, ..PartState::default() };
        Self { number, state: Arc::new(Mutex::new(state)), lost: CancellationToken::new() }
    }

    fn take(&self, offset: i64) -> Taken {
        let mut state = self.state();
        let taken = state.tracker.take(offset);
        // What was passed by may be committed.
        state.changes += u64::from(taken == Taken::Finished);
        taken
    }

    /// A record is finished. Resolves when that is committed; with an error if the partition is lost before.
    pub(crate) fn finish(&self, offset: i64) -> oneshot::Receiver<()> {
        let (committed, waits) = oneshot::channel();
        let mut state = self.state();
        let watches = state.watches.remove(&offset);
        if !self.is_lost() {
            state.tracker.finish(offset);
            state.changes += 1;
            let change = state.changes;
            state.waiting.push((change, committed));
        }
        drop(state);
        // Dropping the callbacks may run code that isn't ours: not under the lock.
        drop(watches);
        waits
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.lost.is_cancelled()
    }

    /// Resolves when the partition is somebody else's.
    pub(crate) async fn lost(&self) {
        self.lost.cancelled().await;
    }

    /// Calls `lost` when the partition is somebody else's: at once if it is.
    pub(crate) fn watch(&self, offset: i64, lost: LeaseWatch) {
        let mut state = self.state();
        if !self.is_lost() {
            return state.watches.entry(offset).or_default().push(lost);
        }
        drop(state);
        lost();
    }

    fn snapshot(&self, room: usize) -> Option<Snapshot> {
        let state = self.state();
        let due = !self.is_lost() && state.changes > state.committed;
        due.then(|| Snapshot {
            part: self.clone(),
            changes: state.changes,
            offset: state.tracker.committable(),
            metadata: state.tracker.metadata(room),
        })
    }

    fn state(&self) -> MutexGuard<'_, PartState> {
        // Nothing that holds the lock leaves it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Snapshot {
    /// It is committed: tells who waits for that.
    pub(crate) fn committed(self) {
        let done = {
            let mut state = self.part.state();
            state.committed = state.committed.max(self.changes);
            let (done, waiting) = std::mem::take(&mut state.waiting)
                .into_iter()
                .partition(|(change, _)| *change <= self.changes);
            state.waiting = waiting;
            let done: Vec<(u64, oneshot::Sender<()>)> = done;
            done
        };
        for (_, waits) in done {
            let _ = waits.send(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_has_finished_waits_for_the_commit_that_covers_it() {
        let assignment = Assignment::new("topic", Handle::current());
        assignment.add(&[0, 3], &[(3, 7, "occamy-finished:1".into())]);
        assert!(assignment.take(3, 7).is_some() && assignment.take(3, 8).is_none());
        let part = assignment.take(3, 9).unwrap();
        let mut first = part.finish(9);
        let snapshot = assignment.snapshot(&assignment.all());
        assert_eq!(
            (snapshot.len(), snapshot[0].offset, &*snapshot[0].metadata),
            (1, 7, "occamy-finished:1-2")
        );
        let mut second = part.finish(7);
        snapshot.into_iter().for_each(Snapshot::committed);
        assert!(first.try_recv().is_ok() && second.try_recv().is_err());
        let snapshot = assignment.snapshot(&assignment.all());
        assert_eq!((snapshot[0].offset, assignment.waiting()), (10, 0));
        snapshot.into_iter().for_each(Snapshot::committed);
        assert!(second.await.is_ok());
        assert!(assignment.snapshot(&assignment.all()).is_empty(), "there is nothing more to commit");
    }

    #[tokio::test]
    async fn what_ends_after_the_partition_is_lost_is_never_committed() {
        let assignment = Assignment::new("topic", Handle::current());
        assignment.add(&[0], &[]);
        assert!(assignment.take(0, 0).is_some());
        let old = assignment.take(0, 1).unwrap();
        let told = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&told);
        old.watch(1, Arc::new(move || drop(count.fetch_add(1, Ordering::Relaxed).to_string())));
        let waits = old.finish(0);
        assignment.lose(&assignment.remove(&[0]));
        assert!(waits.await.is_err() && old.is_lost());
        assignment.add(&[0], &[]);
        assert!(old.finish(1).await.is_err());
        assert!(assignment.snapshot(&[old]).is_empty() && assignment.snapshot(&assignment.all()).is_empty());
        tokio::task::yield_now().await;
        assert_eq!(told.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_log_that_goes_back_is_begun_anew() {
        let assignment = Assignment::new("topic", Handle::current());
        assignment.add(&[0], &[(0, 100, "occamy-finished:1-7".into())]);
        let old = assignment.take(0, 100).unwrap();
        let new = assignment.take(0, 3).unwrap();
        assert!(old.finish(100).await.is_err() && old.is_lost() && !new.is_lost());
        assert!(assignment.take(0, 4).is_some() && assignment.take(1, 0).is_none());
        drop(new.finish(3));
        assert_eq!(assignment.snapshot(&assignment.all())[0].offset, 4);
    }

    #[tokio::test]
    async fn who_is_told_that_it_was_too_much_writes_less_in_the_end_nothing() {
        let assignment = Assignment::new("topic", Handle::current());
        assignment.add(&[0], &[]);
        let parts: Vec<_> = (0..9).filter_map(|offset| assignment.take(0, offset)).collect();
        drop(parts[5].finish(5));
        let written = || assignment.snapshot(&assignment.all())[0].metadata.clone();
        assert_eq!(written(), "occamy-finished:5");
        (0..12).for_each(|_| assignment.write_less());
        assert_eq!(written(), "");
    }
}
