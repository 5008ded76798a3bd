//! What the slots of this process's servers did, in figures.

use comfy_table::Table;
use serde::Serialize;

use super::Timeline;
use super::timeline::SlotTime;
use crate::output::table;

/// The figures of some servers.
#[derive(Clone, Debug, Serialize)]
pub(super) struct SlotReport {
    pub(super) servers: Vec<ServerReport>,
    /// The share of the slots' time in which something ran, from 0 to 1.
    pub(super) useful_core_share: f64,
    slot_seconds: SlotSeconds,
    pub(super) evictions: usize,
}

/// One server.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ServerReport {
    server: String,
    slots: usize,
    requests: usize,
    assistants: usize,
    evictions: usize,
    useful_core_share: f64,
}

/// What the time of all slots went to.
#[derive(Clone, Copy, Debug, Serialize)]
struct SlotSeconds {
    protected: f64,
    unprotected_internal: f64,
    unprotected_external: f64,
    empty: f64,
}

impl SlotReport {
    pub(super) fn new(timelines: &[Timeline]) -> Self {
        let mut time = SlotTime::default();
        for timeline in timelines {
            time += timeline.slot_time();
        }
        Self {
            servers: timelines.iter().map(ServerReport::new).collect(),
            useful_core_share: time.used(),
            slot_seconds: SlotSeconds {
                protected: time.protected.as_secs_f64(),
                unprotected_internal: time.unprotected_internal.as_secs_f64(),
                unprotected_external: time.unprotected_external.as_secs_f64(),
                empty: time.empty.as_secs_f64(),
            },
            evictions: timelines.iter().map(Timeline::evictions).sum(),
        }
    }

    /// A row for each server.
    pub(super) fn table(&self) -> Table {
        let mut table =
            table(["server", "slots", "requests", "assistants", "evictions", "useful core share"]);
        for server in &self.servers {
            table.add_row([
                server.server.clone(),
                server.slots.to_string(),
                server.requests.to_string(),
                server.assistants.to_string(),
                server.evictions.to_string(),
                format!("{:.1} %", server.useful_core_share * 100.0),
            ]);
        }
        table
    }

    /// The sums over all servers, as lines of text.
    pub(super) fn sums(&self) -> String {
        let SlotSeconds { protected, unprotected_internal, unprotected_external, empty } = self.slot_seconds;
        format!(
            "useful core share {:.1} %, evictions {}\nslot seconds: protected {protected:.1}, internal \
             {unprotected_internal:.1}, external {unprotected_external:.1}, empty {empty:.1}\n",
            self.useful_core_share * 100.0,
            self.evictions,
        )
    }
}

impl ServerReport {
    fn new(timeline: &Timeline) -> Self {
        Self {
            server: timeline.server().to_owned(),
            slots: timeline.usage().slots(),
            requests: timeline.requests(),
            assistants: timeline.all_assistants(),
            evictions: timeline.evictions(),
            useful_core_share: timeline.slot_time().used(),
        }
    }
}
