//! The servers that are shown, and the events that viewers are sent.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use serde::Serialize;
use tokio::sync::broadcast;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::live::{Change, Live, Picture, milliseconds};

/// How often viewers are sent what has changed, which is also the width of a column of the lanes.
const PERIOD: Duration = Duration::from_secs(1);

/// How many events wait for a slow viewer. Who misses some is sent everything anew.
const BACKLOG: usize = 4;

/// All servers that are shown, and who looks at them.
pub(super) struct Feed {
    start: Instant,
    state: Mutex<State>,
    events: broadcast::Sender<Event>,
}

#[derive(Default)]
struct State {
    servers: Vec<(Arc<str>, Arc<Live>)>,
    /// The number of the last event, or of the last time that servers came or went.
    sequence: u64,
    /// The number as of which the servers are those that they are.
    regrouped: u64,
    /// Everything as of the last number or later, once somebody has asked.
    snapshot: Option<Event>,
}

/// Something in JSON, as a server-sent event. However many are sent it, it is in memory once.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) sequence: u64,
    /// Who has no snapshot as of this number or later knows of other servers.
    pub(super) regrouped: u64,
    pub(super) text: Bytes,
    pub(super) json: Bytes,
}

#[derive(Serialize)]
struct Message<T> {
    /// When, in milliseconds since the listener has started.
    now_ms: u64,
    version: &'static str,
    servers: Vec<T>,
}

impl Feed {
    pub(super) fn new() -> Self {
        let (events, _) = broadcast::channel(BACKLOG);
        Self { start: Instant::now(), state: Mutex::default(), events }
    }

    /// Since the listener has started.
    pub(super) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Shows a server, until it is removed.
    pub(super) fn add(&self, name: Arc<str>) -> Arc<Live> {
        let live = Arc::new(Live::new());
        self.regroup(|servers| servers.push((name, Arc::clone(&live))));
        live
    }

    /// Shows a server no longer.
    pub(super) fn remove(&self, live: &Arc<Live>) {
        self.regroup(|servers| servers.retain(|(_, it)| !Arc::ptr_eq(it, live)));
    }

    fn regroup(&self, regroup: impl FnOnce(&mut Vec<(Arc<str>, Arc<Live>)>)) {
        let mut state = self.state();
        regroup(&mut state.servers);
        state.sequence += 1;
        (state.regrouped, state.snapshot) = (state.sequence, None);
    }

    /// The servers, in the order in which they came.
    pub(super) fn servers(&self) -> Vec<(Arc<str>, Arc<Live>)> {
        self.state().servers.clone()
    }

    /// Everything there is to show.
    pub(super) fn snapshot(&self) -> Event {
        let mut state = self.state();
        let State { servers, sequence, regrouped, snapshot } = &mut *state;
        let made = snapshot.get_or_insert_with(|| {
            let now = self.now();
            let pictures: Vec<Picture> = servers.iter().map(|(name, live)| live.picture(name, now)).collect();
            Event::new("snapshot", (*sequence, *regrouped), now, pictures)
        });
        made.clone()
    }

    /// What changes from now on.
    pub(super) fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// Sends what has changed, each second.
    pub(super) async fn tick(&self, closing: &CancellationToken) {
        let mut tick = interval(PERIOD);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                _ = tick.tick() => self.advance(),
                () = closing.cancelled() => return,
            }
        }
    }

    fn advance(&self) {
        let mut state = self.state();
        let now = self.now();
        state.servers.iter().for_each(|(_, live)| live.tick(now));
        state.sequence += 1;
        state.snapshot = None;
        // Slots that have changed go into the next change. Columns need not: who comes gets them with its snapshot.
        if self.events.receiver_count() == 0 {
            return;
        }
        let State { servers, sequence, regrouped, .. } = &*state;
        let changes: Vec<Change> = servers.iter().map(|(name, live)| live.changes(name, now)).collect();
        let event = Event::new("changes", (*sequence, *regrouped), now, changes);
        // It is an error that the last of them has gone meanwhile.
        let _ = self.events.send(event);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Event {
    fn new<T: Serialize>(
        name: &str,
        (sequence, regrouped): (u64, u64),
        now: Duration,
        servers: Vec<T>,
    ) -> Self {
        let message = Message { now_ms: milliseconds(now), version: env!("CARGO_PKG_VERSION"), servers };
        let mut text = format!("event: {name}\ndata: ").into_bytes();
        let begin = text.len();
        // JSON on one line, which is what data has to be.
        serde_json::to_writer(&mut text, &message).expect("there are no maps with strange keys in it");
        let end = text.len();
        text.extend_from_slice(b"\n\n");
        let text = Bytes::from(text);
        Self { sequence, regrouped, json: text.slice(begin..end), text }
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").field("servers", &self.state().servers.len()).finish_non_exhaustive()
    }
}
