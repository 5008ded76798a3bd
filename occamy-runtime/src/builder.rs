//! Building a server: its settings, their defaults, and what is wrong with them.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use occamy_core::scheduler::{Config, ConfigError};
use occamy_core::transport::header;
use occamy_core::{ErrorKind, Handler, Monitor, NoopMonitor};
use tokio::runtime::Handle;

use crate::caught::caught;
use crate::server::Server;
use crate::shared::Shared;
use crate::spans::Propagator;

/// Overrides the default number of slots.
const SLOTS_VARIABLE: &str = "OCCAMY_SLOTS";

/// Builds a [`Server`].
///
/// ```
/// # use occamy_core::{handler_fn, Error, ErrorKind};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), occamy_runtime::BuildError> {
/// use std::time::Duration;
/// use occamy_runtime::Server;
///
/// # let handler = handler_fn(|_, _| Err(Error::new(ErrorKind::InvalidTask, "no tasks here")));
/// let server = Server::builder(handler).slots(8).kill_timeout(Duration::from_secs(1)).build()?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a builder does nothing until it builds"]
pub struct ServerBuilder {
    handler: Box<dyn Handler>,
    monitor: Box<dyn Monitor>,
    slots: Option<usize>,
    reserved_cores: usize,
    settings: Settings,
}

/// The settings of a server beside handler and monitor.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) name: Arc<str>,
    pub(crate) scheduler: Config,
    pub(crate) mailbox: usize,
    pub(crate) grace: Duration,
    pub(crate) task_id_header: Box<str>,
    pub(crate) idle_priority: bool,
    pub(crate) propagator: Option<Arc<dyn Propagator>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            name: Arc::from("occamy"),
            // The slots are filled in when the server is built.
            scheduler: Config::new(0),
            // A task that is 256 messages behind can't want the oldest.
            mailbox: 256,
            // Below the 30 s that Kubernetes waits before it kills, kill timeout and flush included.
            grace: Duration::from_secs(20),
            task_id_header: header::TASK_ID.into(),
            // It takes nothing from anybody who is waited for.
            idle_priority: true,
            propagator: None,
        }
    }
}

impl ServerBuilder {
    pub(crate) fn new(handler: impl Handler) -> Self {
        Self {
            handler: Box::new(handler),
            monitor: Box::new(NoopMonitor),
            slots: None,
            reserved_cores: 0,
            settings: Settings::default(),
        }
    }

    /// Names the server, in logs and thread names, of which Linux keeps 15 bytes. `occamy` by default. No NUL in it.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.settings.name = name.into();
        self
    }

    /// How many tasks run side by side: 1 to 2^20.
    ///
    /// By default as many as the process may use cores ([`std::thread::available_parallelism`], which knows of cgroup
    /// quotas), or what the environment variable `OCCAMY_SLOTS` says.
    pub fn slots(mut self, slots: usize) -> Self {
        self.slots = Some(slots);
        self
    }

    /// Leaves so many cores to tokio, the broker's client and whatever else the process does, when the slots follow from
    /// the cores: then there are as many slots less, and at least one. 0 by default. [`slots`](Self::slots) and
    /// `OCCAMY_SLOTS` are taken as they are.
    pub fn reserve_cores(mut self, cores: usize) -> Self {
        self.reserved_cores = cores;
        self
    }

    /// How many slots expansion leaves empty, so that the next requests need not evict: less than the slots. 0 by
    /// default.
    pub fn expansion_slot_buffer(mut self, slots: usize) -> Self {
        self.settings.scheduler.expansion_slot_buffer = slots;
        self
    }

    /// How often tasks that declined to expand are asked again, slots are rebalanced and expired offers dropped. More
    /// than zero; a second by default. Spare slots are filled at once, whatever the period.
    pub fn expansion_period(mut self, period: Duration) -> Self {
        self.settings.scheduler.expansion_period = Some(period);
        self
    }

    /// No expansion period: tasks that declined are asked again only by [`Server::expand_tasks`] and
    /// [`request_expansion`](occamy_core::TaskContext::request_expansion), and slots are never rebalanced.
    pub fn without_expansion_period(mut self) -> Self {
        self.settings.scheduler.expansion_period = None;
        self
    }

    /// How long a stopped task has to end. After that its slot is given up until it does. More than zero; 5 s by
    /// default.
    pub fn kill_timeout(mut self, timeout: Duration) -> Self {
        self.settings.scheduler.kill_timeout = timeout;
        self
    }

    /// How many stopped tasks may wind down beside the request that took their slot. While fewer do, a request starts
    /// without waiting for its victim, at the price of more running tasks than slots. 0 by default.
    pub fn eviction_overlap(mut self, tasks: usize) -> Self {
        self.settings.scheduler.eviction_overlap = tasks;
        self
    }

    /// How many slots may be wedged before the server [counts as unhealthy](Server::is_healthy): half of them by default,
    /// rounded down. The server goes on; whoever watches it may replace the process. Leftovers don't count, as they hold
    /// no slot.
    pub fn max_wedged_slots(mut self, slots: usize) -> Self {
        self.settings.scheduler.max_wedged_slots = Some(slots);
        self
    }

    /// Whether threads that nobody waits for any more are lowered to the system's idle priority: those of leftovers (see
    /// [`eviction_overlap`](Self::eviction_overlap)) and of wedged tasks. True by default.
    ///
    /// On Linux that is the policy `SCHED_IDLE`, or else a nice value of 19; elsewhere threads aren't lowered. The
    /// processes of commands get a nice value of 19 on every Unix. A leftover has a tenth of the kill timeout to end
    /// before, because where the cores are full it hardly runs from then on. No privilege is needed. What took effect is
    /// logged once and stands in [the snapshot](crate::Snapshot::idle_priority). Such a thread is never raised again: it
    /// ends with its task.
    ///
    /// What a lowered thread calls on a server is done by another thread, a handler included. A lowered thread that holds
    /// a lock may hold it for long, while others have work. The server's own locks are kept from it, but those of
    /// publishers, logs, allocators and tokio are not, nor are yours: so a task that was told to stop should end, and do
    /// nothing else. Set this to false if your tasks hold what others wait for beyond their stop. Threads that a task
    /// starts after it was lowered have the same priority.
    pub fn idle_priority(mut self, lower: bool) -> Self {
        self.settings.idle_priority = lower;
        self
    }

    /// How many offers are held, waiting and running together. 1,024 by default; with 0 all are refused.
    pub fn max_offers(mut self, offers: usize) -> Self {
        self.settings.scheduler.max_offers = offers;
        self
    }

    /// How many bytes of offers are held, headers and bodies as they arrived. 64 MiB by default.
    pub fn max_offer_bytes(mut self, bytes: usize) -> Self {
        self.settings.scheduler.max_offer_bytes = bytes;
        self
    }

    /// How many control messages wait for one task at most. When more come the oldest are dropped. At least 1; 256 by
    /// default.
    pub fn mailbox(mut self, messages: usize) -> Self {
        self.settings.mailbox = messages;
        self
    }

    /// How often a request is tried before it is a dead letter, the first try included. At least 1; 5 by default.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.settings.scheduler.limits.max_attempts = attempts;
        self
    }

    /// How often a broker that counts may deliver a request before it becomes a dead letter unseen, because it keeps
    /// killing its server. At least the attempts; 100 by default, because interruptions and refusals are counted too.
    pub fn max_deliveries(mut self, deliveries: u32) -> Self {
        self.settings.scheduler.limits.max_deliveries = deliveries;
        self
    }

    /// How long a failed request waits for its next try, if its error doesn't say. 1 s by default.
    pub fn retry_delay(mut self, delay: Duration) -> Self {
        self.settings.scheduler.limits.retry_delay = delay;
        self
    }

    /// How long protected tasks may run on when [`serve`](Server::serve) shuts down. 20 s by default.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.settings.grace = grace;
        self
    }

    /// The header of a control message that names the task it is for. `task-id` by default.
    pub fn task_id_header(mut self, key: impl Into<Box<str>>) -> Self {
        self.settings.task_id_header = key.into();
        self
    }

    /// Ties the spans of tasks to the traces of a tracing system, such as OpenTelemetry. By default they are spans of
    /// [`tracing`] alone, and tasks pass on what trace they belong to: see [`spans`](crate::spans).
    pub fn propagator(mut self, propagator: impl Propagator) -> Self {
        self.settings.propagator = Some(Arc::new(propagator));
        self
    }

    /// Who is told what happens. Nobody by default.
    pub fn monitor(mut self, monitor: impl Monitor) -> Self {
        self.monitor = Box::new(monitor);
        self
    }

    /// Builds the server, which is then ready for messages. Threads are started when they are needed first.
    ///
    /// # Errors
    ///
    /// If a setting makes no sense, or if this isn't called within a tokio runtime that has a timer.
    pub fn build(mut self) -> Result<Server, BuildError> {
        let runtime = Handle::try_current().map_err(|_| BuildError::NoRuntime)?;
        // Tokio tells only by a panic whether it has a timer.
        caught(ErrorKind::InternalHandler, || drop(tokio::time::sleep(Duration::ZERO)))
            .map_err(|_| BuildError::NoTimer)?;
        let variable = std::env::var(SLOTS_VARIABLE).ok();
        let (slots, source) = choose_slots(self.slots, variable.as_deref(), self.reserved_cores)?;
        self.settings.scheduler.slots = slots;
        if self.settings.name.contains('\0') {
            return Err(BuildError::Name);
        }
        if self.settings.mailbox == 0 {
            return Err(BuildError::Mailbox);
        }
        let server = Shared::new(self.settings, self.handler, self.monitor, runtime)?;
        tracing::info!(server = %server.settings.name, slots, source, "server built");
        Ok(Server::start(server))
    }
}

/// The number of slots, and where it comes from.
fn choose_slots(
    asked: Option<usize>,
    variable: Option<&str>,
    reserved: usize,
) -> Result<(usize, &'static str), BuildError> {
    if let Some(slots) = asked {
        return Ok((slots, "the program"));
    }
    match variable {
        Some(value) => match value.trim().parse::<NonZeroUsize>() {
            Ok(slots) => Ok((slots.get(), SLOTS_VARIABLE)),
            Err(_) => Err(BuildError::SlotsVariable(value.to_owned())),
        },
        None => {
            let cores = std::thread::available_parallelism().map_err(BuildError::Parallelism)?.get();
            Ok((cores.saturating_sub(reserved).max(1), "the available parallelism"))
        }
    }
}

impl fmt::Debug for ServerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerBuilder")
            .field("slots", &self.slots)
            .field("name", &self.settings.name)
            .field("scheduler", &self.settings.scheduler)
            .finish_non_exhaustive()
    }
}

/// Why a server could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A setting of the scheduler makes no sense.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A name that no thread can have.
    #[error("the name of the server has a NUL in it, which the names of threads can't have")]
    Name,
    /// Mailboxes that hold nothing.
    #[error("a mailbox of 0 would drop every control message: it must be at least 1")]
    Mailbox,
    /// `OCCAMY_SLOTS` is set to something that is no number of slots.
    #[error("OCCAMY_SLOTS is {0:?}: it must be a number of at least 1, or not set")]
    SlotsVariable(String),
    /// There was no telling how many cores there are.
    #[error("the number of cores can't be found out, so set the slots")]
    Parallelism(#[source] std::io::Error),
    /// `build` was not called within a tokio runtime.
    #[error("a server needs a tokio runtime: call build within one, or enter its handle before")]
    NoRuntime,
    /// The tokio runtime has no timer.
    #[error("a server needs a tokio runtime with a timer: enable it with `enable_time` or `enable_all`")]
    NoTimer,
    /// The system gave no thread or timer.
    #[error("the threads for expansion and control messages could not be set up")]
    Pool(#[from] std::io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_goes_before_the_variable_and_that_before_the_cores() {
        assert_eq!(choose_slots(Some(3), Some("5"), 9).unwrap(), (3, "the program"));
        assert_eq!(choose_slots(None, Some(" 5 "), 9).unwrap(), (5, SLOTS_VARIABLE));
        let cores = std::thread::available_parallelism().unwrap().get();
        assert_eq!(choose_slots(None, None, 0).unwrap(), (cores, "the available parallelism"));
    }

    #[test]
    fn cores_are_reserved_as_long_as_one_slot_is_left() {
        let cores = std::thread::available_parallelism().unwrap().get();
        for reserved in 0..=cores + 1 {
            let (slots, _) = choose_slots(None, None, reserved).unwrap();
            assert_eq!(slots, if reserved < cores { cores - reserved } else { 1 });
        }
    }

    #[test]
    fn a_variable_that_is_no_number_of_slots_is_an_error() {
        for nonsense in ["", "0", "-1", "many", "2.5", "99999999999999999999"] {
            let error = choose_slots(None, Some(nonsense), 0).unwrap_err();
            assert!(error.to_string().contains("OCCAMY_SLOTS"), "{error}");
        }
    }
}
