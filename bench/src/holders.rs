//! A server whose slots are all held by unprotected tasks, which make room for requests and come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use occamy_core::BoxTask;
use occamy_runtime::{Server, ServerBuilder};

use crate::countdown::Countdown;
use crate::kind::Kind;
use crate::letter::Letter;
use crate::script::{Hook, Meeting, Script, Then};
use crate::stage;
use crate::stamp::Stamp;

const HOLD: &str = "hold";
const REQUEST: &str = "request";

/// The server. The slots are held by offers: an offer needs no master in one of the slots, and one that was evicted runs
/// again as soon as there is room.
pub(crate) struct Holders {
    pub(crate) server: Server,
    at_once: usize,
    held: Arc<Countdown>,
    started: Arc<Stamp>,
}

/// What is to be held.
pub(crate) struct Plan {
    pub(crate) kind: Kind,
    pub(crate) slots: usize,
    /// If there are more than slots, some wait to take the places of those that don't come back.
    pub(crate) offers: usize,
    /// How many requests are made at once. Each stays until all of them have started: one that ended before would leave
    /// its slot to another.
    pub(crate) at_once: usize,
}

/// What became of requests that were made at once.
pub(crate) struct Burst {
    /// From the first call to the first statement of the last that started, or to the last refusal.
    pub(crate) last: Duration,
    pub(crate) refused: usize,
}

impl Holders {
    /// `hold` makes a holder that calls what it is given with its first statement.
    pub(crate) async fn open(
        Plan { kind, slots, offers, at_once }: Plan,
        hold: impl Fn(Hook) -> BoxTask + Send + Sync + 'static,
        set: impl FnOnce(ServerBuilder) -> ServerBuilder,
    ) -> anyhow::Result<Self> {
        let (held, started) = (Arc::new(Countdown::default()), Arc::new(Stamp::default()));
        let begin: Hook = {
            let held = Arc::clone(&held);
            Arc::new(move || held.count())
        };
        let request: Hook = {
            let started = Arc::clone(&started);
            Arc::new(move || started.mark())
        };
        let then = if at_once > 1 { Then::Meet(Arc::new(Meeting::of(at_once))) } else { Then::End };
        let roles = stage::roles(kind, slots)
            .role(REQUEST, move || Script {
                begin: Some(Arc::clone(&request)),
                then: then.clone(),
                ..Script::default()
            })
            .task(HOLD, move || hold(Arc::clone(&begin)));
        let server = set(stage::server(slots, roles).max_offers(offers)).build()?;
        stage::warm_up(&server, slots).await?;
        held.expect(slots);
        for _ in 0..offers {
            server.handle_control(Box::new(Letter::new(HOLD, |_| ())));
        }
        held.done().await;
        Ok(Self { server, at_once, held, started })
    }

    /// Makes the requests, and waits until they have ended or were refused.
    pub(crate) async fn requests(&self) -> Burst {
        let count = self.at_once;
        let settled = Arc::new(Countdown::default());
        settled.expect(count);
        self.held.expect(count);
        let refused = Arc::new(AtomicUsize::new(0));
        let letters: Vec<_> = (0..count)
            .map(|_| {
                let (settled, refused) = (Arc::clone(&settled), Arc::clone(&refused));
                Box::new(Letter::new(REQUEST, move |done| {
                    if !done {
                        refused.fetch_add(1, Ordering::SeqCst);
                    }
                    settled.count();
                }))
            })
            .collect();
        let call = Instant::now();
        for letter in letters {
            self.server.handle_request(letter);
        }
        settled.done().await;
        let refused = refused.load(Ordering::SeqCst);
        let last = if refused > 0 { call.elapsed() } else { self.started.since(call) };
        Burst { last, refused }
    }

    /// Waits until as many slots are held again as the last requests took.
    pub(crate) async fn held_again(&self) {
        self.held.done().await;
    }
}
