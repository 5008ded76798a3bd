//! What goes on for as long as a transport lives: requests are fetched and put on the shelf, and what is finished is committed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::select_all;
use occamy_core::{Error, ErrorKind, Observation};
use rdkafka::Message as _;
use rdkafka::consumer::stream_consumer::StreamPartitionQueue;
use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::OwnedMessage;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::task::coop::consume_budget;
use tokio::time::{Instant, sleep_until, timeout};

use crate::context::{Context, Event};
use crate::link::Link;
use crate::message::Request;
use crate::partitions::{Progress, Snapshot};

/// Before a commit that has failed is tried again.
const PAUSE: Duration = Duration::from_millis(200);

/// How long a commit waits for company.
const COMPANY: Duration = Duration::from_millis(1);

/// How many records are taken in before anything else is looked at. What is wanted is no bound: records that others have
/// finished are passed by, however many they are.
const SEVERAL: usize = 64;

/// Runs until the link is closed.
pub(crate) async fn run(
    link: Arc<Link>,
    consumer: Arc<StreamConsumer<Context>>,
    events: mpsc::UnboundedReceiver<Event>,
) {
    let _end = End(Arc::clone(&link));
    let mut pump = Pump {
        link,
        consumer,
        queues: BTreeMap::new(),
        events,
        joined: false,
        committing: None,
        commit_at: None,
        alone_until: None,
        waiting: 0,
    };
    let closing = pump.link.closing.clone();
    while !closing.is_cancelled() {
        tokio::select! {
            () = pump.turn() => {}
            () = closing.cancelled() => break,
        }
    }
    pump.end().await;
}

/// Nobody waits for a pump that is no more, though it be for a panic.
struct End(Arc<Link>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.shelf.close().into_iter().for_each(Request::leave);
        self.0.closed.cancel();
    }
}

type Committing = (Vec<Snapshot>, JoinHandle<KafkaResult<()>>);

struct Pump {
    link: Arc<Link>,
    /// It tells of the group. It is always asked, so that the group sees that we are there.
    consumer: Arc<StreamConsumer<Context>>,
    /// What is fetched, by partition. They are asked when something is wanted, and fill up meanwhile.
    queues: BTreeMap<i32, StreamPartitionQueue<Context>>,
    events: mpsc::UnboundedReceiver<Event>,
    joined: bool,
    /// What the commit is of that is under way.
    committing: Option<Committing>,
    /// When the next commit may be made, if the last one has failed.
    commit_at: Option<Instant>,
    /// When the next commit is made, if more is under way than is finished.
    alone_until: Option<Instant>,
    /// How many records are finished and can't be committed, as the monitor knows.
    waiting: usize,
}

impl Pump {
    /// Waits for something to happen, and attends to it.
    async fn turn(&mut self) {
        self.join();
        self.commit();
        self.drain();
        let missing = self.link.shelf.missing();
        let commit_at = self.commit_at.or(self.alone_until);
        tokio::select! {
            // Records have queues of their own: errors come here, and what the group tells.
            received = self.consumer.recv() => {
                let received = received.map(|message| message.detach());
                self.take(received);
            }
            received = next(&self.queues), if missing > 0 => {
                self.take_several(received);
                // The client's queues leave no turn to what else goes on on this thread.
                consume_budget().await;
            }
            result = ended(&mut self.committing) => self.committed(result),
            Some(event) = self.events.recv() => self.heed(event),
            () = self.link.shelf.changed() => {}
            () = self.link.finished.notified() => {}
            () = sleep_until(commit_at.unwrap_or_else(Instant::now)), if commit_at.is_some() => {}
        }
    }

    /// Joins the group, if the server wants requests and has not.
    fn join(&mut self) {
        if self.joined || !self.link.serves.load(Ordering::Relaxed) {
            return;
        }
        match self.consumer.subscribe(&[&self.link.builder.names.request_topic]) {
            Ok(()) => self.joined = true,
            Err(error) => self.link.shelf.fail(Error::other(error)),
        }
    }

    /// Takes in a record, and the next ones of the same partition that are there and wanted: so what is finished together
    /// is of few partitions, and quick to commit.
    fn take_several(&mut self, first: KafkaResult<OwnedMessage>) {
        let partition = first.as_ref().ok().map(|message| message.partition());
        self.take(first);
        let Some(partition) = partition else { return };
        for _ in 1..SEVERAL {
            if self.link.shelf.missing() == 0 {
                return;
            }
            let queue = self.queues.get(&partition);
            let Some(received) = queue.and_then(|queue| queue.recv().now_or_never()) else { return };
            let received = received.map(|message| message.detach());
            self.take(received);
        }
    }

    fn take(&mut self, received: KafkaResult<OwnedMessage>) {
        match received {
            Ok(message) => match Request::receive(&self.link, &message) {
                Some(Ok(request)) => {
                    if let Some(late) = self.link.shelf.put(request) {
                        late.leave();
                    }
                }
                Some(Err(error)) => self.link.shelf.fail(error),
                None => {}
            },
            Err(KafkaError::MessageConsumptionFatal(code)) => self.expelled(code),
            Err(error) => {
                tracing::debug!(%error, "requests could not be fetched");
                if self.link.connectivity.is_connected() {
                    let error = Error::new(ErrorKind::UnknownTask, error.to_string()).with_source(error);
                    self.link.shelf.fail(error);
                }
                self.link.look.notify_one();
            }
        }
    }

    /// The client has given up: another server has joined the group by our instance id. It tells of no revocation, and commits
    /// nothing more.
    fn expelled(&mut self, code: RDKafkaErrorCode) {
        self.link.assignment.lose_all();
        self.link.shelf.take_all().into_iter().for_each(Request::leave);
        let why = format!("this server gets no more requests, until it is started anew: {code}");
        tracing::error!("{why}");
        self.link.shelf.fail(Error::new(ErrorKind::UnknownTask, why));
        self.tell_of_waiting();
    }

    fn heed(&mut self, event: Event) {
        match event {
            Event::BrokersDown => self.link.look.notify_one(),
            Event::Assigned(number, queue) => drop(self.queues.insert(number, queue)),
            Event::Revoked(number) => self.revoked(number),
        }
    }

    fn revoked(&mut self, number: i32) {
        self.queues.remove(&number);
        // Who has it now has these, too: none of them need begin here.
        for request in self.link.shelf.take_all() {
            if let Some(late) = request.unless_lost().and_then(|request| self.link.shelf.put(request)) {
                late.leave();
            }
        }
        // What waited in a partition that is gone waits no more.
        self.tell_of_waiting();
    }

    /// Commits what is finished, one commit at a time. Each takes the brokers as long, whatever it is of: so it waits a moment
    /// where most of what was taken is still under way.
    fn commit(&mut self) {
        let now = Instant::now();
        if self.committing.is_some() || self.commit_at.is_some_and(|at| at > now) {
            return;
        }
        self.commit_at = None;
        let assignment = self.link.assignment.clone();
        let Progress { open, finished, due } = assignment.progress();
        if !due {
            self.alone_until = None;
            return;
        }
        if finished < open && *self.alone_until.get_or_insert(now + COMPANY) > now {
            return;
        }
        self.alone_until = None;
        let snapshots = assignment.snapshot(&assignment.all());
        if snapshots.is_empty() {
            return;
        }
        self.tell_of_waiting();
        let (consumer, list) = (Arc::clone(&self.consumer), assignment.list(&snapshots));
        // The client's own way of not waiting tells nobody how it has ended.
        let commit = tokio::task::spawn_blocking(move || consumer.commit(&list, CommitMode::Sync));
        self.committing = Some((snapshots, commit));
    }

    fn committed(&mut self, result: KafkaResult<()>) {
        let Some((snapshots, _)) = self.committing.take() else { return };
        match result {
            Ok(()) => snapshots.into_iter().for_each(Snapshot::committed),
            Err(error) => {
                tracing::warn!(%error, "offsets could not be committed; it is tried again");
                if error.rdkafka_error_code() == Some(RDKafkaErrorCode::OffsetMetadataTooLarge) {
                    self.link.assignment.write_less();
                }
                self.commit_at = Some(Instant::now() + PAUSE);
            }
        }
    }

    /// Tells the monitor how many finished records can't be committed, if that has changed.
    fn tell_of_waiting(&mut self) {
        let count = self.link.assignment.waiting();
        if std::mem::replace(&mut self.waiting, count) != count {
            self.link.connectivity.observer().record(&Observation::UncommittedRecords { count });
        }
    }

    /// Gives back what is left when the server takes nothing more.
    fn drain(&self) {
        let shelf = &self.link.shelf;
        if shelf.is_draining() {
            for request in shelf.finish_draining() {
                self.link.runtime.spawn(request.give_back());
            }
        }
    }

    /// Commits for the last time, and leaves the group.
    async fn end(self) {
        const PATIENCE: Duration = Duration::from_secs(5);
        let Self { link, consumer, queues, events, mut committing, .. } = self;
        // One after the other.
        if committing.is_some() {
            let _ = timeout(PATIENCE, ended(&mut committing)).await;
        }
        // The consumer lives as long as these.
        drop((queues, events));
        link.shelf.close().into_iter().for_each(Request::leave);
        let (left, leaving) = tokio::sync::oneshot::channel();
        let assignment = link.assignment.clone();
        // Both block, the latter until the group knows.
        std::thread::spawn(move || {
            let snapshots = assignment.snapshot(&assignment.all());
            let list = assignment.list(&snapshots);
            if list.count() > 0 && consumer.commit(&list, CommitMode::Sync).is_ok() {
                snapshots.into_iter().for_each(Snapshot::committed);
            }
            drop(list);
            assignment.lose_all();
            drop(consumer);
            let _ = left.send(());
        });
        let _ = timeout(PATIENCE, leaving).await;
    }
}

/// How the commit has ended that is under way.
async fn ended(committing: &mut Option<Committing>) -> KafkaResult<()> {
    match committing {
        Some((_, commit)) => commit.await.unwrap_or(Err(KafkaError::Canceled)),
        None => std::future::pending().await,
    }
}

/// The next record of any partition, the first of which is another one each time.
async fn next(queues: &BTreeMap<i32, StreamPartitionQueue<Context>>) -> KafkaResult<OwnedMessage> {
    if queues.is_empty() {
        return std::future::pending().await;
    }
    let first = fastrand::usize(..queues.len());
    let queues = queues.values().skip(first).chain(queues.values().take(first));
    let (received, ..) = select_all(queues.map(|queue| queue.recv().boxed())).await;
    received.map(|message| message.detach())
}
