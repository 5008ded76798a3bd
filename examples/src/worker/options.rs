//! The options of the program.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::time::Duration;

use bytesize::ByteSize;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use occamy_core::CommandTask;
use occamy_core::scheduler::{Config, ConfigError};
use occamy_runtime::{BuildError, Server, ServerBuilder};

use super::commands::Commands;
use super::replay::Replay;
use crate::arguments;
use crate::broker::Broker;

/// Serves requests by running a program for each
///
/// The program gets a message's body on its standard input, and in its environment OCCAMY_TASK_ID, OCCAMY_GROUP,
/// OCCAMY_STATUS, OCCAMY_ATTEMPT, OCCAMY_SLOT and, for each header, OCCAMY_HEADER_ with its name. If it exits with 0 the
/// request is done, with the retry status it is tried again, and with any other it has failed.
///
/// The header `task-id` names a request's task, and `group` its group; a request without an id gets a fresh one. A control
/// message without an id is an optional request, which runs only in a spare slot and gives way to requests. One with an id
/// is for the tasks of that id, and since a program can't take it, it is only logged, at the level debug.
///
/// Logs go to standard error, what the programs write among them; RUST_LOG says how much is logged [default: info].
#[derive(Clone, Debug, Parser)]
#[command(name = "worker", version, after_long_help = MESSAGES)]
pub struct Options {
    /// Where messages come from: a URL, whose scheme picks the transport, such as nats://127.0.0.1:4222,
    /// amqp://127.0.0.1:5672 or kafka://127.0.0.1:9092. memory: is for lines on standard input
    #[arg(long, value_name = "URL", default_value = "memory:")]
    pub broker: Broker,
    /// The name of the service, which all of its servers share
    #[arg(long, value_name = "NAME", default_value = "worker", value_parser = arguments::name)]
    pub service: String,
    /// How many programs run side by side [default: OCCAMY_SLOTS, or the cores that this process may use]
    #[arg(long, value_name = "N", value_parser = slots)]
    pub slots: Option<usize>,
    /// How many cores are left to everything else when the slots follow from the cores
    #[arg(long, value_name = "CORES", default_value_t = 0)]
    pub reserve_cores: usize,
    /// How often tasks that declined assistants are asked again, and assistants shared out anew
    #[arg(long, value_name = "TIME", default_value_t = defaults().expansion_period.unwrap_or_default().into(), value_parser = some_time)]
    pub expansion_period: humantime::Duration,
    /// How many slots are kept free of assistants and optional requests: less than the slots
    #[arg(long, value_name = "SLOTS", default_value_t = defaults().expansion_slot_buffer)]
    pub buffer: usize,
    /// How many stopped programs may wind down beside the requests that took their slots, which then start without waiting
    #[arg(long, value_name = "PROGRAMS", default_value_t = defaults().eviction_overlap)]
    pub overlap: usize,
    /// How long a stopped program has to end. At 0.8 of it a SIGKILL follows the SIGTERM
    #[arg(long, value_name = "TIME", default_value_t = defaults().kill_timeout.into(), value_parser = some_time)]
    pub kill_timeout: humantime::Duration,
    /// How long requests may run on when the worker is told to end
    // The library's default, which it keeps to itself.
    #[arg(long, value_name = "TIME", default_value = "20s")]
    pub grace: humantime::Duration,
    /// How often a request is tried before it has failed for good, the first try included
    #[arg(long, value_name = "N", default_value_t = defaults().limits.max_attempts, value_parser = clap::value_parser!(u32).range(1..))]
    pub attempts: u32,
    /// How long a request waits for its next try
    #[arg(long, value_name = "TIME", default_value_t = defaults().limits.retry_delay.into())]
    pub retry_delay: humantime::Duration,
    /// How long a request may run before its program is stopped and it has failed [default: as long as it takes]
    #[arg(long, value_name = "TIME", value_parser = some_time)]
    pub max_run: Option<humantime::Duration>,
    /// How much address space each process may have, such as 512MiB [default: no limit of its own]
    #[arg(long, value_name = "BYTES", value_parser = some_bytes)]
    pub memory_limit: Option<ByteSize>,
    /// The exit status by which a program says that its request failed and may succeed later
    #[arg(long, value_name = "STATUS", default_value_t = CommandTask::DEFAULT_RETRY_STATUS, value_parser = clap::value_parser!(i32).range(1..=255))]
    pub retry_status: i32,
    /// Let each running request have assistants in spare slots [default: no assistants]
    ///
    /// They run the same program with the same body and headers, one after the other while the request runs: so one that ends
    /// is followed by the next at once, and there had better be work for it. Each gives way to any request that needs its slot. The program tells them apart by OCCAMY_STATUS: protected for the request,
    /// unprotected_internal for its assistants, and unprotected_external for an optional request and its assistants.
    #[arg(long)]
    pub assist: bool,
    /// Show metrics, health and a live page at this address, such as 127.0.0.1:9464. Whoever reaches it may look [default:
    /// nowhere]
    #[arg(long, value_name = "ADDR")]
    pub http: Option<SocketAddr>,
    /// Send dead letters again as requests, and end: so many, the oldest first; all; or those with an id, as in id:order-7
    ///
    /// That is the header `task-id` or, where there is none, `X-Request-ID`. A request has the body and the headers with which
    /// it was sent first, and all its attempts before it. A dead letter is removed when the broker has confirmed the request.
    /// Each is told on standard output as a line of JSON. Those that fail again meanwhile are not sent again. No program is needed.
    #[arg(long, value_name = "N|all|id:ID", conflicts_with_all = ["command", "http"])]
    pub replay_dead: Option<Replay>,
    /// What to run for each request, and its arguments. No shell is between
    #[arg(last = true, required_unless_present = "replay_dead", value_name = "PROGRAM ARGS")]
    pub command: Vec<OsString>,
}

const MESSAGES: &str = "\
With memory: messages are lines of JSON on standard input, such as

  {\"headers\": {\"task-id\": \"a\", \"group\": \"maps\", \"zoom\": 3}, \"body\": \"text\"}
  {\"kind\": \"control\", \"body\": \"an optional request\"}

where everything may be left out. Each settlement is a line of JSON on standard output: the number of the message's line,
what kind of message it was, its task id, the verdict (done, failed, retry, interrupted, busy), kind and reason of the
error, and which attempt it was. After retry, interrupted and busy the request comes again. The worker ends when
standard input has ended and everything is settled.

With another broker the worker serves the service's requests until SIGTERM or Ctrl-C. What ends is logged, settlements at the
level debug. What is not done by the end of the grace period is handed back, and another worker does it.

Exit status: 0 when everything was settled, as whatever; 1 if part of the input was not understood, or if the worker
itself failed; 2 for wrong options; 130 when SIGTERM or Ctrl-C ended it before everything was settled. With another broker
what was handed back is settled, too. With --replay-dead 0 when that was done, with less than N if there were not more; 1
if a dead letter could not be sent or removed, or if there is none with the id.";

impl Options {
    /// Reads the arguments of the program, its own name first.
    ///
    /// # Errors
    ///
    /// If they make no sense, or ask for help. The error shows no password.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        arguments::read(arguments)
    }

    /// The error of an embedded broker that is to have dead letters.
    pub(super) fn no_dead_letters() -> clap::Error {
        let why = "--replay-dead: memory: has no dead letters from before: give the URL of another broker with --broker";
        Self::command().error(ErrorKind::ArgumentConflict, why)
    }

    /// A server with these settings.
    pub(super) fn server(&self) -> ServerBuilder {
        let Config { limits, .. } = defaults();
        let builder = Server::builder(self.commands().handler())
            .name(self.service.as_str())
            .reserve_cores(self.reserve_cores)
            .expansion_period(*self.expansion_period)
            .expansion_slot_buffer(self.buffer)
            .eviction_overlap(self.overlap)
            .kill_timeout(*self.kill_timeout)
            .grace(*self.grace)
            .max_attempts(self.attempts)
            // Every attempt is a delivery.
            .max_deliveries(limits.max_deliveries.saturating_add(self.attempts))
            .retry_delay(*self.retry_delay);
        match self.slots {
            Some(slots) => builder.slots(slots),
            None => builder,
        }
    }

    fn commands(&self) -> Commands {
        let (program, args) = self.command.split_first().expect("a program is required");
        Commands {
            program: program.clone(),
            args: args.to_vec(),
            retry_status: self.retry_status,
            memory_limit: self.memory_limit.map(|limit| limit.as_u64()),
            max_run: self.max_run.map(Duration::from),
            assist: self.assist,
        }
    }

    /// The error of an option that made no sense together with the others, or that is none of the options'.
    pub(super) fn wrong(error: BuildError) -> Result<clap::Error, BuildError> {
        match error {
            BuildError::Config(error @ ConfigError::Buffer { .. }) => {
                Ok(Self::command().error(ErrorKind::ValueValidation, format!("--buffer: {error}")))
            }
            other => Err(other),
        }
    }
}

fn defaults() -> Config {
    Config::new(1)
}

fn slots(text: &str) -> Result<usize, String> {
    let range = 1..=Config::MAX_SLOTS;
    let slots = text.parse().ok().filter(|slots| range.contains(slots));
    slots.ok_or_else(|| format!("expected a number from {} to {}", range.start(), range.end()))
}

fn some_time(text: &str) -> Result<humantime::Duration, String> {
    let time: humantime::Duration =
        text.parse().map_err(|error: humantime::DurationError| error.to_string())?;
    if time.is_zero() { Err("expected more than no time, such as 5s".to_owned()) } else { Ok(time) }
}

fn some_bytes(text: &str) -> Result<ByteSize, String> {
    let bytes: ByteSize = text.parse()?;
    if bytes.as_u64() == 0 { Err("expected more than 0 bytes, such as 512MiB".to_owned()) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests;
