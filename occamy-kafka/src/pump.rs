//! What goes on for as long as a transport lives: requests are fetched and put on the shelf, what is finished is committed,
//! and the connection is looked after.

use std::sync::Arc;
use std::time::Duration;

use occamy_core::{Error, ErrorKind, Observation};
use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::error::KafkaResult;
use rdkafka::message::OwnedMessage;
use rdkafka::producer::Producer;
use tokio::sync::mpsc;
use tokio::time::{Instant, interval, sleep_until, timeout};

use crate::context::{Context, Event};
use crate::link::Link;
use crate::message::Request;
use crate::partitions::Snapshot;

/// How long a request that nobody has room for is kept, before it is written again for others.
const KEPT: Duration = Duration::from_millis(200);

/// Before a commit that has failed is tried again.
const PAUSE: Duration = Duration::from_millis(200);

/// Runs until the link is closed.
pub(crate) async fn run(
    link: Arc<Link>,
    consumer: StreamConsumer<Context>,
    events: mpsc::UnboundedReceiver<Event>,
) {
    let _end = End(Arc::clone(&link));
    let mut pump = Pump {
        link,
        consumer: Arc::new(consumer),
        events,
        committing: None,
        commit_at: None,
        give_back_at: None,
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

struct Pump {
    link: Arc<Link>,
    consumer: Arc<StreamConsumer<Context>>,
    events: mpsc::UnboundedReceiver<Event>,
    /// What the commit is of that is under way.
    committing: Option<Vec<Snapshot>>,
    /// When the next commit may be made, if the last one has failed.
    commit_at: Option<Instant>,
    /// When what is too much goes back, if it still is by then.
    give_back_at: Option<Instant>,
    /// How many records are finished and can't be committed, as the monitor knows.
    waiting: usize,
}

impl Pump {
    /// Waits for something to happen, and attends to it.
    async fn turn(&mut self) {
        self.commit();
        self.regulate();
        let wake = [self.commit_at, self.give_back_at].into_iter().flatten().min();
        tokio::select! {
            // Also when nothing is wanted: then nothing is fetched, and the group sees that we are there.
            received = self.consumer.recv() => {
                let received = received.map(|message| message.detach());
                self.take(received);
            }
            Some(event) = self.events.recv() => self.heed(event),
            () = self.link.shelf.changed() => {}
            () = self.link.finished.notified() => {}
            () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => {}
        }
    }

    fn take(&self, received: KafkaResult<OwnedMessage>) {
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

    fn heed(&mut self, event: Event) {
        match event {
            Event::BrokersDown => self.link.look.notify_one(),
            Event::Rebalanced => {}
            Event::Committed(result) => {
                let Some(snapshots) = self.committing.take() else { return };
                match result {
                    Ok(()) => snapshots.into_iter().for_each(Snapshot::committed),
                    Err(error) => {
                        tracing::debug!(%error, "offsets could not be committed; it is tried again");
                        self.commit_at = Some(Instant::now() + PAUSE);
                    }
                }
            }
        }
    }

    /// Commits what is finished, one commit at a time.
    fn commit(&mut self) {
        let now = Instant::now();
        if self.committing.is_some() || self.commit_at.is_some_and(|at| at > now) {
            return;
        }
        self.commit_at = None;
        let assignment = &self.link.assignment;
        let snapshots = assignment.snapshot(&assignment.all());
        if snapshots.is_empty() {
            return;
        }
        self.tell_of_waiting();
        match self.consumer.commit(&self.link.assignment.list(&snapshots), CommitMode::Async) {
            Ok(()) => self.committing = Some(snapshots),
            Err(error) => {
                tracing::debug!(%error, "offsets could not be committed; it is tried again");
                self.commit_at = Some(now + PAUSE);
            }
        }
    }

    fn tell_of_waiting(&mut self) {
        let count = self.link.assignment.waiting();
        if std::mem::replace(&mut self.waiting, count) != count {
            self.link.connectivity.observer().record(&Observation::UncommittedRecords { count });
        }
    }

    /// Fetches as long as something is wanted, and gives back what is too much.
    fn regulate(&mut self) {
        let shelf = &self.link.shelf;
        if shelf.is_draining() {
            for request in shelf.finish_draining() {
                self.link.runtime.spawn(request.give_back());
            }
        }
        let (wanted, fetched) = (shelf.wanted(), shelf.fetched());
        // One more may come meanwhile: to stop and to begin again costs more.
        let full = fetched > wanted || (wanted == 0 && shelf.is_drained());
        self.pause(full);
        if fetched <= wanted {
            self.give_back_at = None;
            return;
        }
        let now = Instant::now();
        if *self.give_back_at.get_or_insert(now + KEPT) <= now {
            self.give_back_at = None;
            for request in shelf.take_surplus() {
                let settling = shelf.settling();
                self.link.runtime.spawn(async move {
                    let _settling = settling;
                    request.give_back().await;
                });
            }
        }
    }

    fn pause(&self, pause: bool) {
        let assignment = &self.link.assignment;
        let numbers = assignment.set_paused(pause);
        if numbers.is_empty() {
            return;
        }
        let list = assignment.plain(&numbers);
        let done = if pause { self.consumer.pause(&list) } else { self.consumer.resume(&list) };
        if let Err(error) = done {
            tracing::debug!(%error, pause, "fetching could not be stopped or begun again");
        }
    }

    /// Commits for the last time, and leaves the group.
    async fn end(self) {
        const PATIENCE: Duration = Duration::from_secs(5);
        let Self { link, consumer, .. } = self;
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
            let parts: Vec<i32> = assignment.all().iter().map(|part| part.number).collect();
            assignment.lose(&assignment.remove(&parts));
            drop(consumer);
            let _ = left.send(());
        });
        let _ = timeout(PATIENCE, leaving).await;
    }
}

/// Looks after the connection: asks whether the brokers are there, so that a connection whose other side is silent is found,
/// too.
pub(crate) async fn look_after(link: Arc<Link>) {
    const PERIOD: Duration = Duration::from_secs(5);
    const PATIENCE: Duration = Duration::from_secs(10);
    const AWAY: Duration = Duration::from_millis(500);
    let mut tick = interval(PERIOD);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let away = !link.connectivity.is_connected();
        tokio::select! {
            _ = tick.tick() => {}
            () = link.look.notified(), if !away => {}
            () = tokio::time::sleep(AWAY), if away => {}
            () = link.closed.cancelled() => return,
        }
        let asking = tokio::task::spawn_blocking({
            let link = Arc::clone(&link);
            move || {
                let topic = &link.builder.names.request_topic;
                link.producer.client().fetch_metadata(Some(topic), PATIENCE)
            }
        });
        let answered = asking.await.is_ok_and(|answer| answer.is_ok());
        if answered == away {
            link.connectivity.set(answered);
        }
    }
}
