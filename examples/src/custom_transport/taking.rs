//! What Redis gives us: requests that nobody has had yet, and those of servers that are dead.

use std::collections::BTreeSet;
use std::time::Duration;

use redis::{RedisResult, cmd};
use tokio::time::Instant;

use super::entry::{Entries, Fields, Streams};
use super::link::Connections;
use super::scripts;
use super::shared::Shared;

/// How long Redis waits for a request before it answers that there is none. It is also how long it may take until we see
/// that none is wanted any more.
const BLOCK: Duration = Duration::from_millis(500);

/// After how many leases a consumer without requests counts as dead.
const LEASES_UNTIL_FORGOTTEN: u32 = 10;

/// An entry that Redis has given us.
pub(super) struct Taken {
    pub(super) id: String,
    pub(super) fields: Fields,
    pub(super) deliveries: u32,
}

/// Waits for requests that nobody has had yet.
pub(super) async fn read(
    shared: &Shared,
    connections: &Connections,
    count: usize,
) -> RedisResult<Vec<Taken>> {
    let Shared { names, consumer, .. } = shared;
    let mut read = cmd("XREADGROUP");
    read.arg("GROUP").arg(&names.group).arg(consumer).arg("COUNT").arg(count);
    read.arg("BLOCK").arg(millis(BLOCK)).arg("STREAMS").arg(&names.requests).arg(">");
    let streams: Streams = read.query_async(&mut connections.requests.clone()).await?;
    let entries = streams.into_iter().flatten().flat_map(|(_, entries)| entries);
    Ok(entries.map(|(id, fields)| Taken { id, fields, deliveries: 1 }).collect())
}

/// Takes requests over whose servers have not renewed their leases, and forgets servers that have none left.
pub(super) async fn take_over(
    shared: &Shared,
    connections: &Connections,
    count: usize,
) -> RedisResult<Vec<Taken>> {
    let Shared { names, consumer, lease, .. } = shared;
    let mut commands = connections.commands.clone();
    scripts::forget(shared, connections, false, *lease * LEASES_UNTIL_FORGOTTEN).await?;

    let mut pending = cmd("XPENDING");
    pending.arg(&names.requests).arg(&names.group).arg("IDLE").arg(millis(*lease));
    pending.arg("-").arg("+").arg(count);
    let mut pending: Vec<(String, String, u64, u32)> = pending.query_async(&mut commands).await?;
    // One that we hold ourselves is late, but not free.
    let held: BTreeSet<String> = shared.leases.held().into_values().collect();
    pending.retain(|(id, ..)| !held.contains(id));
    if pending.is_empty() {
        return Ok(Vec::new());
    }

    // Others do the same. Redis gives each to the first, since then it is no longer idle.
    let mut claim = cmd("XCLAIM");
    claim.arg(&names.requests).arg(&names.group).arg(consumer).arg(millis(*lease));
    for (id, ..) in &pending {
        claim.arg(id);
    }
    let claimed: Entries = claim.query_async(&mut commands).await?;
    let deliveries = |id: &str| {
        let before = pending.iter().find(|(pending, ..)| pending == id);
        before.map_or(1, |&(_, _, _, before)| before.saturating_add(1))
    };
    Ok(claimed.into_iter().map(|(id, fields)| Taken { deliveries: deliveries(&id), id, fields }).collect())
}

/// When to look for requests of dead servers: twice in a lease.
#[derive(Default)]
pub(super) struct Sweeps {
    epoch: u64,
    next: Option<Instant>,
}

impl Sweeps {
    /// With new connections time begins anew. If it was Redis that was away, everybody's leases have run out, and whoever
    /// lives has time to renew his before others take over.
    pub(super) fn is_due(&mut self, epoch: u64, lease: Duration) -> bool {
        let now = Instant::now();
        let due = self.epoch == epoch && self.next.is_some_and(|next| next <= now);
        if due || self.epoch != epoch {
            (self.epoch, self.next) = (epoch, Some(now + lease / 2));
        }
        due
    }

    /// Where there were some there may be more: then the next look is due at once.
    pub(super) fn found(&mut self, some: bool) {
        if some {
            self.next = Some(Instant::now());
        }
    }
}

/// A time as Redis is told it.
pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn owners_have_time_to_renew_their_leases_before_others_look() {
        const LEASE: Duration = Duration::from_secs(30);
        let mut sweeps = Sweeps::default();
        assert!(!sweeps.is_due(1, LEASE));
        tokio::time::advance(LEASE / 2).await;
        assert!(sweeps.is_due(1, LEASE));
        assert!(!sweeps.is_due(1, LEASE));
        sweeps.found(true);
        assert!(sweeps.is_due(1, LEASE));
        tokio::time::advance(LEASE / 2).await;
        assert!(!sweeps.is_due(2, LEASE));
        tokio::time::advance(LEASE / 2).await;
        assert!(sweeps.is_due(2, LEASE));
    }
}
