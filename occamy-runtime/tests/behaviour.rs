//! What a server does for its users, topic by topic.

mod common;

#[path = "behaviour/futures.rs"]
mod futures;
#[path = "behaviour/leases.rs"]
mod leases;
#[path = "behaviour/limits.rs"]
mod limits;
#[path = "behaviour/mailboxes.rs"]
mod mailboxes;
#[path = "behaviour/messages.rs"]
mod messages;
#[path = "behaviour/monitors.rs"]
mod monitors;
#[path = "behaviour/settlements.rs"]
mod settlements;
#[path = "behaviour/shutdown.rs"]
mod shutdown;
#[path = "behaviour/spans.rs"]
mod spans;
#[path = "behaviour/threads.rs"]
mod threads;
#[path = "behaviour/victims.rs"]
mod victims;
#[path = "behaviour/wedged.rs"]
mod wedged;
