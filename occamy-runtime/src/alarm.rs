//! Wakes the scheduler when something is due: the one task that sleeps until the next deadline.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use occamy_core::scheduler::Event;
use tokio::sync::Notify;

use crate::shared::Shared;

/// How others tell the sleeper to look again.
#[derive(Debug, Default)]
pub(crate) struct Alarm {
    notify: Notify,
    /// A task asked for an expansion.
    expansion_wanted: AtomicBool,
}

impl Alarm {
    /// The next deadline has come nearer.
    pub(crate) fn rearm(&self) {
        self.notify.notify_one();
    }

    /// Whether expansion was wanted since the last time.
    pub(crate) fn take_expansion_wanted(&self) -> bool {
        self.expansion_wanted.swap(false, Ordering::AcqRel)
    }

    /// Expansion is wanted, once, however often this is called before it comes.
    pub(crate) fn expand_soon(&self) {
        if !self.expansion_wanted.swap(true, Ordering::AcqRel) {
            self.notify.notify_one();
        }
    }
}

/// Sleeps until the next deadline and lets the scheduler know, until the server is gone or closed.
pub(crate) async fn keep_time(shared: Weak<Shared>) {
    loop {
        let Some(server) = shared.upgrade() else { return };
        let alarm = Arc::clone(&server.alarm);
        if alarm.take_expansion_wanted() {
            server.event(Event::ExpandNow);
        }
        let deadline = match server.desk.arm() {
            Some(deadline) if deadline <= server.now() => {
                server.event(Event::TimePassed);
                drop(server);
                // With a period too short for the clock something is always due, and others want to be polled, too.
                tokio::task::yield_now().await;
                continue;
            }
            Some(deadline) => server.instant_of(deadline),
            None if server.desk.is_closed() => return,
            None => None,
        };
        drop(server);
        match deadline {
            Some(deadline) => {
                tokio::select! {
                    () = tokio::time::sleep_until(deadline) => {}
                    () = alarm.notify.notified() => {}
                }
            }
            None => alarm.notify.notified().await,
        }
    }
}
