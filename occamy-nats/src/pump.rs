//! What goes on for as long as a transport lives: requests are pulled and put on the shelf, control messages as well, and
//! what happens to the connection is attended to.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::connection::State;
use async_nats::jetstream::consumer::PullConsumer;
use async_nats::{Client, Event, Message};
use futures_util::StreamExt;
use occamy_core::Observation;
use occamy_transport::backoff;
use tokio::task::JoinHandle;
use tokio::time::{interval, sleep, sleep_until, timeout};

use crate::encoding::decode;
use crate::link::{Link, fence};
use crate::message::{Received, Request};
use crate::poison::{Suspicion, sweep_when_told};
use crate::pulls::{Pulls, Status};
use crate::session::{Session, as_error};
use crate::setup::{SetupError, Streams, set_up};

/// How long pulls may take to end. A broker that doesn't answer keeps nobody waiting; it hands out what it has handed to us
/// after the lease.
const PATIENCE: Duration = Duration::from_secs(2);

/// Runs until the link is closed.
pub(crate) async fn run(link: Arc<Link>, session: Session) {
    link.runtime.spawn(keep_leases(Arc::clone(&link)));
    link.runtime.spawn(sweep_when_told(Arc::clone(&link)));
    let _end = End(Arc::clone(&link));
    let mut pump = Pump { link, session, mending: None, suspicion: Suspicion::default() };
    while !pump.turn().await {}
}

/// Nobody waits for a pump that is no more, though it be for a panic.
struct End(Arc<Link>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.close();
    }
}

struct Pump {
    link: Arc<Link>,
    session: Session,
    /// A consumer that is gone is looked for, or made anew.
    mending: Option<JoinHandle<Result<PullConsumer, SetupError>>>,
    suspicion: Suspicion,
}

impl Pump {
    /// Waits for something to happen, and attends to it. True when there is nothing more to do.
    async fn turn(&mut self) -> bool {
        let shelf = self.link.shelf.clone();
        if self.link.closed.is_cancelled() {
            return true;
        }
        if shelf.is_draining() {
            self.drain().await;
        }
        // Of events the client drops those that are too many, of its state it tells the truth.
        if !self.link.connectivity.is_connected()
            && self.session.client.connection_state() == State::Connected
        {
            self.reconnected().await;
        }
        let now = Instant::now();
        if self.link.connectivity.is_connected() {
            self.session.pulls.ask(shelf.missing(), now).await;
        }
        let wake = tokio::time::Instant::from_std(self.session.pulls.wake_at(now));
        let closed = self.link.closed.clone();
        tokio::select! {
            answer = self.session.pulls.next(), if !shelf.is_drained() => match answer {
                Some(answer) => {
                    self.take(answer);
                    // What has come together is asked for together again, too.
                    while let Some(answer) = self.session.pulls.next_if_any() {
                        self.take(answer);
                    }
                }
                None => self.start_anew().await,
            },
            control = self.session.controls.next() => match control {
                Some(message) => self.take_control(message),
                None => self.start_anew().await,
            },
            event = self.session.events.recv() => match event {
                Some(event) => self.heed(event).await,
                None => self.start_anew().await,
            },
            // Dropped, it goes back.
            () = shelf.changed() => drop(shelf.take_surplus()),
            () = self.link.look.notified() => {}
            () = closed.cancelled() => return true,
            mended = mended(&mut self.mending) => self.mended(mended),
            () = sleep_until(wake) => {}
        }
        false
    }

    /// A request, or what JetStream has to say about a pull.
    fn take(&mut self, answer: Message) {
        match self.session.pulls.count(&answer, Instant::now()) {
            Some(Status::Over) => {}
            Some(Status::Gone) => self.mend(),
            None => put(&self.link, answer),
        }
    }

    fn take_control(&mut self, message: Message) {
        let headers = match decode(message.headers.as_ref()) {
            Ok(headers) => headers,
            Err(error) => return self.link.shelf.fail(error),
        };
        let (headers, _) = occamy_core::transport::header::take_own(headers);
        let dropped = self.link.controls.put(headers, message.payload);
        self.dropped_controls(dropped);
    }

    fn dropped_controls(&self, count: usize) {
        if count > 0
            && !self.link.connectivity.observer().record(&Observation::ControlMessagesDropped { count })
        {
            tracing::warn!(count, "control messages were dropped: the server reads them too slowly");
        }
    }

    async fn heed(&mut self, event: Event) {
        match event {
            Event::Disconnected => {
                self.suspicion.disconnected(Instant::now());
                self.link.connectivity.set(false);
            }
            // The first one is that of the session's beginning.
            Event::Connected if !self.link.connectivity.is_connected() => self.reconnected().await,
            Event::SlowConsumer(_) => self.dropped_controls(1),
            Event::ServerError(error) => tracing::warn!(%error, "the NATS server complains"),
            Event::ClientError(error) => tracing::warn!(%error, "the NATS client complains"),
            _ => {}
        }
    }

    async fn reconnected(&mut self) {
        // The old pulls have ended with the old connection. What they still brought is ours.
        while let Some(answer) = self.session.pulls.next_if_any() {
            self.take(answer);
        }
        let consumer = self.session.pulls.consumer.clone();
        if !self.link.shelf.is_drained()
            && let Ok(pulls) = Pulls::open(&self.session.client, consumer).await
        {
            let mut old = std::mem::replace(&mut self.session.pulls, pulls);
            // Or they have not, where JetStream hasn't noticed.
            let link = Arc::clone(&self.link);
            let rest = async move {
                while let Some(answer) = old.next().await {
                    if old.count(&answer, Instant::now()).is_none() {
                        put(&link, answer);
                    }
                }
            };
            self.link.runtime.spawn(timeout(PATIENCE, rest));
        }
        self.link.connectivity.set(true);
        renew(&self.link, true);
        if self.suspicion.reconnected(Instant::now()) {
            self.link.suspicious.notify_one();
        }
    }

    fn mend(&mut self) {
        if self.mending.is_none() {
            let link = Arc::clone(&self.link);
            let mending = async move { set_up(&link.context(), &link.builder, Streams::Expect).await };
            self.mending = Some(self.link.runtime.spawn(mending));
        }
    }

    fn mended(&mut self, mended: Result<PullConsumer, SetupError>) {
        self.mending = None;
        match mended {
            Ok(consumer) => self.session.pulls.consumer = consumer,
            Err(error) => {
                self.session.pulls.pause(Duration::from_secs(1), Instant::now());
                self.link.shelf.fail(as_error(error.into()));
            }
        }
    }

    /// Gives back what nobody will take, and what is still on its way.
    async fn drain(&mut self) {
        if self.link.connectivity.is_connected() {
            run_out(&self.link, &self.session.client, &mut self.session.pulls).await;
        }
        self.drained();
    }

    fn drained(&self) {
        drop(self.link.shelf.finish_draining());
    }

    /// The client is dead: another one takes its place.
    async fn start_anew(&mut self) {
        self.link.connectivity.set(false);
        tracing::warn!("the NATS client has ended; another one takes its place");
        for attempt in 1.. {
            sleep(backoff(attempt)).await;
            if self.link.closed.is_cancelled() {
                return;
            }
            // What was on its way to the dead client is handed out after the lease.
            if self.link.shelf.is_draining() {
                self.drained();
            }
            match Session::open(&self.link.builder, Streams::Expect).await {
                Ok(session) => {
                    self.session = session;
                    break;
                }
                Err(error) => {
                    self.link.shelf.fail(as_error(error));
                }
            }
        }
        self.link.replace(self.session.client.clone(), self.session.context.clone());
        self.link.connectivity.set(true);
        renew(&self.link, true);
        // It did not die for nothing.
        self.link.suspicious.notify_one();
    }
}

/// Puts a request that has come on the shelf.
fn put(link: &Arc<Link>, answer: Message) {
    match Request::receive(link, answer) {
        Some(Received::Request(request)) => {
            drop(link.shelf.put(request));
            drop(link.shelf.take_surplus());
        }
        Some(Received::Invalid(error)) => link.shelf.fail(error),
        Some(Received::Delayed) | None => {}
    }
}

/// Lets pulls end, and gives back what they still bring: after their end, or it might come again through one of them.
async fn run_out(link: &Arc<Link>, client: &Client, pulls: &mut Pulls) {
    let mut brought = Vec::new();
    let mut keep = |pulls: &mut Pulls, answer: Message| {
        if pulls.count(&answer, Instant::now()).is_none() {
            brought.push(Request::receive(link, answer));
        }
    };
    let rest = async {
        // What has been sent by now comes before this is answered.
        let mut fenced = pin!(fence(client, PATIENCE));
        loop {
            tokio::select! {
                biased;
                answer = pulls.next() => match answer {
                    Some(answer) => keep(pulls, answer),
                    None => return,
                },
                _ = &mut fenced => break,
            }
        }
        if pulls.outstanding() > 0 {
            pulls.drain(client).await;
            while let Some(answer) = pulls.next().await {
                keep(pulls, answer);
            }
        }
    };
    let _ = timeout(PATIENCE, rest).await;
}

/// Pends where nothing is being mended.
async fn mended(
    mending: &mut Option<JoinHandle<Result<PullConsumer, SetupError>>>,
) -> Result<PullConsumer, SetupError> {
    match mending {
        None => std::future::pending().await,
        Some(mending) => mending.await.unwrap_or_else(|error| {
            Err(SetupError::Broker { what: "the consumer".into(), source: error.into() })
        }),
    }
}

/// Keeps the leases of what this server has, and tells of those that are lost.
async fn keep_leases(link: Arc<Link>) {
    let mut tick = interval(link.leases.period());
    loop {
        tick.tick().await;
        link.patience.tick();
        for lost in link.leases.expire(Instant::now()) {
            // A panic in it is not to be the end of all leases.
            link.runtime.spawn(async move { lost() });
        }
        if !link.connectivity.is_connected() {
            link.look.notify_one();
        }
        // What is unsettled when a transport closes is for others.
        if link.connectivity.is_connected() && !link.closed.is_cancelled() {
            renew(&link, false);
        }
    }
}

/// Renews the leases that are due, or all of them, side by side.
fn renew(link: &Arc<Link>, all: bool) {
    let now = Instant::now();
    for (key, reply) in link.leases.due(now, all) {
        let link = Arc::clone(link);
        link.clone().runtime.spawn(async move {
            if !link.leases.may_renew(key) {
                return link.leases.renewed(key, now, false);
            }
            let word = async_nats::jetstream::AckKind::Progress.into();
            let answered = link.say(reply, word, link.leases.patience()).await.is_ok();
            link.leases.renewed(key, now, answered);
        });
    }
}
