//! Keeps the scheduler's time: the one task that sleeps until the next deadline.

use std::sync::{Arc, Weak};
use std::time::Duration;

use occamy_core::scheduler::Event;

use crate::shared::Shared;

/// How often the monitors are told the use of the slots though nothing changes: more often than any of them is looked at.
const BEAT: Duration = Duration::from_secs(1);

/// Sleeps until the next deadline and lets the scheduler know, until the server is gone or closed.
pub(crate) async fn keep_time(shared: Weak<Shared>) {
    let mut beat = BEAT;
    loop {
        let Some(server) = shared.upgrade() else { return };
        if server.desk.is_closed() {
            return;
        }
        let now = server.now();
        if beat <= now {
            server.beat();
            beat = now.saturating_add(BEAT);
        }
        let alarm = Arc::clone(&server.alarm);
        if alarm.take_wanted() {
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
            Some(deadline) => server.instant_of(deadline.min(beat)),
            None => server.instant_of(beat),
        };
        drop(server);
        match deadline {
            Some(deadline) => {
                tokio::select! {
                    () = tokio::time::sleep_until(deadline) => {}
                    () = alarm.rings() => {}
                }
            }
            None => alarm.rings().await,
        }
    }
}
