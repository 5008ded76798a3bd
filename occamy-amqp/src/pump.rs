//! What goes on for as long as a transport lives: requests are consumed and put on the shelf, and a connection that is
//! lost is made anew.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use lapin::Event;
use lapin::message::Delivery;
use lapin::options::QueueDeleteOptions;
use occamy_core::{Error, ErrorKind};
use occamy_transport::backoff;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::link::Link;
use crate::message::Request;
use crate::session::Session;

/// How long the number of wanted requests has to be another one before consumers begin or end: it changes for a moment
/// whenever a task ends.
const SETTLED: Duration = Duration::from_millis(100);

/// How long RabbitMQ may take to hear of the end of a connection.
const PATIENCE: Duration = Duration::from_secs(2);

/// What RabbitMQ says when a task has taken longer than it allows.
const TIMED_OUT: &str = "delivery acknowledgement on channel";

/// What it says without words.
const NO_CONSUMER: &str = "RabbitMQ has ended the consumer of requests: the queue is gone, or, from 4.3 on, a task has \
                           taken longer than the consumer timeout";

/// Runs until the link is closed.
pub(crate) async fn run(link: Arc<Link>, session: Session) {
    let _end = End(Arc::clone(&link));
    let mut pump = Pump { link, session, changes_at: None };
    let closing = pump.link.closing.clone();
    loop {
        let lost = tokio::select! {
            lost = pump.serve() => lost,
            () = closing.cancelled() => break,
        };
        pump.lose(&lost);
        tokio::select! {
            () = pump.reopen() => {}
            () = closing.cancelled() => break,
        }
    }
    pump.end().await;
}

struct Pump {
    link: Arc<Link>,
    session: Session,
    /// When consumers are to begin or end, unless the prefetch is right again by then.
    changes_at: Option<Instant>,
}

impl Pump {
    /// Until the connection is lost: why.
    async fn serve(&mut self) -> String {
        loop {
            if let Err(error) = self.adjust().await {
                return error.to_string();
            }
            let changes_at = self.changes_at;
            tokio::select! {
                delivery = self.session.requests.next() => if let Err(lost) = self.take_several(delivery) {
                    return lost;
                },
                lost = &mut self.session.controls => {
                    return lost.unwrap_or_else(|error| error.to_string());
                }
                Some(event) = self.session.events.next() => match event {
                    // It tells of errors of single channels, too.
                    Event::Error(error) if !self.session.connection.status().connected() => return error.to_string(),
                    Event::ConnectionBlocked(reason) => {
                        self.link.blocked.send_replace(true);
                        tracing::warn!(reason, "RabbitMQ takes nothing from this server: it lacks memory or room on its disk");
                    }
                    Event::ConnectionUnblocked => {
                        self.link.blocked.send_replace(false);
                        tracing::info!("RabbitMQ takes messages again");
                    }
                    _ => {}
                },
                () = self.link.shelf.changed() => {}
                () = sleep_until(changes_at.unwrap_or_else(Instant::now)), if changes_at.is_some() => {}
            }
        }
    }

    /// Sees to it that RabbitMQ delivers what is wanted and no more, and gives back what is too much.
    async fn adjust(&mut self) -> Result<(), lapin::Error> {
        let shelf = self.link.shelf.clone();
        if shelf.is_draining() {
            self.end_consumers().await?;
            // Dropped, they go back.
            drop(shelf.finish_draining());
        }
        let surplus = shelf.take_surplus();
        let (missing, open) = (shelf.missing(), self.open());
        let now = Instant::now();
        let due = self.changes_at.is_some_and(|at| at <= now);
        if !surplus.is_empty() || (missing < open && due) {
            // Before the surplus goes back, or a lone server would have it again at once.
            self.end_consumers().await?;
        } else if missing == open {
            self.changes_at = None;
        } else if open > 0 && !due {
            self.changes_at.get_or_insert(now + SETTLED);
            return Ok(());
        }
        drop(surplus);
        // What was on its way has come by now.
        let more = shelf.missing().saturating_sub(self.open());
        if more > 0 {
            self.changes_at = None;
            self.session.requests.add(more).await?;
        }
        Ok(())
    }

    /// How many requests RabbitMQ may still deliver as it is.
    fn open(&self) -> usize {
        self.session.requests.prefetch.saturating_sub(self.session.epoch.unsettled())
    }

    async fn end_consumers(&mut self) -> Result<(), lapin::Error> {
        self.changes_at = None;
        for delivery in self.session.requests.end().await? {
            self.take(delivery);
        }
        self.session.epoch.renew();
        Ok(())
    }

    /// Takes in what has come together, before anything else is looked at. That is never more than the prefetch: what is
    /// acknowledged meanwhile passes this thread before RabbitMQ hears of it. An error says why nothing more will come.
    fn take_several(&mut self, first: Option<Result<Delivery, lapin::Error>>) -> Result<(), String> {
        let mut next = Some(first);
        while let Some(delivery) = next {
            match delivery {
                Some(Ok(delivery)) => self.take(delivery),
                Some(Err(error)) => return Err(error.to_string()),
                None => return Err(NO_CONSUMER.into()),
            }
            next = self.session.requests.next().now_or_never();
        }
        Ok(())
    }

    fn take(&self, delivery: Delivery) {
        match Request::receive(&self.link, &self.session.epoch, delivery) {
            // Dropped, one that comes too late goes back.
            Ok(request) => drop(self.link.shelf.put(request)),
            Err(error) => self.link.shelf.fail(error),
        }
    }

    /// The connection is gone, and with it everything that it brought.
    fn lose(&mut self, why: &str) {
        if why.contains(TIMED_OUT) {
            tracing::warn!(
                why,
                "a task has taken longer than RabbitMQ's consumer timeout, and all requests of this server are handed out \
                 again: raise it by a policy, `consumer-timeout`, or in rabbitmq.conf; here it counts only for a queue that is \
                 declared anew"
            );
        } else {
            tracing::warn!(why, "the connection with RabbitMQ is lost");
        }
        self.link.set(None);
        self.tell_of_loss();
        drop(self.link.shelf.take_all());
        self.session.controls.abort();
        // Where RabbitMQ has closed a channel only, the channel for sending would keep the rest of the connection.
        let rest = Arc::clone(&self.session.connection);
        tokio::spawn(async move { timeout(PATIENCE, rest.close(200, "OK".into())).await });
    }

    fn tell_of_loss(&self) {
        for lost in self.session.epoch.lose() {
            // A panic in it is not to be the end of all others.
            self.link.runtime.spawn(async move { lost() });
        }
    }

    /// Makes the connection anew, however long that takes.
    async fn reopen(&mut self) {
        for attempt in 1.. {
            sleep(backoff(attempt)).await;
            if self.link.shelf.is_draining() {
                drop(self.link.shelf.finish_draining());
            }
            match Session::open(&self.link).await {
                Ok(session) => {
                    self.session = session;
                    break;
                }
                Err(error) => {
                    let error = Error::new(ErrorKind::UnknownTask, error.to_string()).with_source(error);
                    self.link.shelf.fail(error);
                }
            }
        }
        self.changes_at = None;
        self.link.set(Some(Arc::clone(&self.session.connection)));
        tracing::info!("connected with RabbitMQ again");
    }

    /// Ends everything in order, as far as RabbitMQ takes part.
    async fn end(self) {
        drop(self.link.shelf.close());
        if let Some(connection) = self.link.connection() {
            // Nobody will read it again, and it would stay for its expiry. That its consumer ends is no loss any more.
            let queue = self.link.control_queue.as_str().into();
            let leave = self.session.control_channel.queue_delete(queue, QueueDeleteOptions::default());
            let left = matches!(timeout(PATIENCE, leave).await, Ok(Ok(_)));
            self.link.heard.store(left, Ordering::Relaxed);
            let _ = timeout(PATIENCE, connection.close(200, "OK".into())).await;
        }
        self.session.controls.abort();
        self.tell_of_loss();
    }
}

/// Nobody waits for a pump that is no more, though it be for a panic.
struct End(Arc<Link>);

impl Drop for End {
    fn drop(&mut self) {
        drop(self.0.shelf.close());
        self.0.forget();
        self.0.closed.cancel();
    }
}
