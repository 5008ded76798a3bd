//! One fresh server in one situation, and the requests that it gets.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use occamy_core::transport::header;
use occamy_core::{HandlerMux, Headers, Settled, TestMessage, Verdict, handler_fn};
use occamy_runtime::{IdlePriority, Server};

use super::burner::{Burner, Stretch};
use super::probe::Pending;
use super::situation::{Habit, Situation};
use super::witness::{Seen, Witness};

/// The `handler-id` of a request.
const REQUEST: &str = "request";
/// The `handler-id` of an offer.
const BURN: &str = "burn";

/// A server whose slots are held as the situation says.
///
/// They are held by offers. The assistants of a request would need their master in one of the slots, where nothing may
/// evict it, or, if it had ended, would not come back when they were evicted. An offer needs nobody, and an evicted one
/// returns to the queue: so the server fills itself again after each request.
pub(super) struct Stage<'a> {
    situation: &'a Situation,
    server: Server,
    witness: Arc<Witness>,
    pending: Arc<Pending>,
    /// How many slots assistants hold when nothing else is going on: all or none.
    held: usize,
    /// Requests so far, those before anything was measured included.
    requests: usize,
    samples: Vec<(Sample, Settled)>,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sample {
    /// From the call of `handle_request` to the first statement of the task's `run`.
    Started(Duration),
    /// Handed back, this long after the call.
    Refused(Duration),
}

/// What happened on one server.
#[derive(Clone, Debug)]
pub(super) struct Turn {
    /// In the order of the requests.
    pub(super) samples: Vec<Sample>,
    /// From stop to end of each victim that ended by itself.
    pub(super) stops: Vec<Duration>,
    /// How many victims were still winding down then, within their kill timeout.
    pub(super) left: usize,
    /// How many were past it.
    pub(super) wedged: usize,
    /// How many slots were lost with them.
    pub(super) slots_lost: usize,
    /// What came of lowering the victims' priority.
    pub(super) priority: IdlePriority,
}

impl<'a> Stage<'a> {
    /// Sets up the server, and has its slots held.
    pub(super) async fn open(
        situation: &'a Situation,
        slots: usize,
        stretch: Stretch,
    ) -> anyhow::Result<Self> {
        let (witness, pending) = (Arc::new(Witness::default()), Arc::new(Pending::default()));
        let mut handlers = HandlerMux::new().route(REQUEST, {
            let pending = Arc::clone(&pending);
            handler_fn(move |_, _| Ok(pending.probe()?.into()))
        });
        if let Some(habit) = situation.habit {
            let witness = Arc::clone(&witness);
            handlers = handlers.route(
                BURN,
                handler_fn(move |_, _| Ok(Burner { habit, stretch, witness: Arc::clone(&witness) }.into())),
            );
        }
        let held = if situation.habit.is_some() { slots } else { 0 };
        let mut builder = Server::builder(handlers)
            .name("eviction")
            .slots(slots)
            .eviction_overlap(situation.overlap)
            .idle_priority(situation.idle_priority)
            // Slots are lost here on purpose: no cause for alarm.
            .max_wedged_slots(slots)
            // Nothing happens here but for the sake of a request.
            .without_expansion_period()
            .max_offers(held + situation.requests)
            .monitor(Arc::clone(&witness));
        if let Some(timeout) = situation.kill_timeout {
            builder = builder.kill_timeout(timeout);
        }
        let server = builder.build()?;
        let mut stage = Self { situation, server, witness, pending, held, requests: 0, samples: Vec::new() };
        stage.hold_slots().await?;
        Ok(stage)
    }

    async fn hold_slots(&mut self) -> anyhow::Result<()> {
        if self.held == 0 {
            // Elsewhere the assistants have had the threads of the slots started. Here a request has to, unmeasured.
            self.request().await?;
            self.samples.clear();
        } else {
            // Those that find no slot yet take the place of the ones that don't come back, or not soon.
            for _ in 0..self.held + self.situation.requests {
                self.server.handle_control(Box::new(message(BURN)));
            }
        }
        self.settle().await
    }

    /// Waits until the slots are held again. Victims may still wind down beside them.
    async fn settle(&self) -> anyhow::Result<()> {
        let (held, requests) = (self.held, self.requests);
        self.witness.until("the slots to be held", |seen| seen.has_settled(held, requests)).await
    }

    /// Makes a request as soon as the server has settled, and this long after.
    pub(super) async fn request_after(&mut self, pause: Duration) -> anyhow::Result<()> {
        self.settle().await?;
        tokio::time::sleep(pause).await;
        self.request().await
    }

    async fn request(&mut self) -> anyhow::Result<()> {
        let started = self.pending.expect();
        let message = message(REQUEST);
        let settled = message.settled();
        let message = Box::new(message);
        let call = Instant::now();
        self.server.handle_request(message);
        let sample = match started.await {
            Ok(start) => Sample::Started(start.saturating_duration_since(call)),
            Err(_) => Sample::Refused(call.elapsed()),
        };
        self.requests += 1;
        self.samples.push((sample, settled));
        Ok(())
    }

    /// Ends the server and everything on it, so that the next has the machine to itself. Before that the last victims that
    /// look at their stop get so long to end by themselves.
    pub(super) async fn close(self, patience: Duration) -> anyhow::Result<Turn> {
        let rest = self.witness.until("the victims to end", |seen| seen.has_no_victims(self.requests));
        if self.situation.habit == Some(Habit::NeverLooks) {
            rest.await?;
        } else {
            self.settle().await?;
            // Those that are too late for this are counted as not ended.
            let _ = tokio::time::timeout(patience, rest).await;
        }
        let seen = self.witness.seen();
        // The server itself is asked, since the monitor hears of the slots only after it has heard of the last victim.
        let snapshot = self.server.snapshot();
        self.witness.release();
        self.server.shutdown(Duration::ZERO).await;
        self.witness.until("the assistants to end", Seen::is_quiet).await?;
        for (sample, settled) in &self.samples {
            let expected = match sample {
                Sample::Started(_) => Verdict::Done,
                Sample::Refused(_) => Verdict::Busy,
            };
            let verdict = settled.verdict();
            ensure!(verdict == Some(&expected), "a request was {sample:?}, yet its verdict is {verdict:?}");
        }
        Ok(Turn {
            samples: self.samples.iter().map(|(sample, _)| *sample).collect(),
            stops: seen.stops,
            left: seen.victims.len(),
            wedged: seen.wedged,
            slots_lost: snapshot.usage.wedged,
            priority: snapshot.idle_priority,
        })
    }
}

fn message(handler: &str) -> TestMessage {
    TestMessage::new(Headers::new().with(header::HANDLER_ID, handler), "")
}
