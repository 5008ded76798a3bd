//! Shows a whole server at RabbitMQ that clients in any language use: it counts primes, and tells on standard output what it
//! is sent.
//!
//! `cargo run --release -p occamy-examples --bin amqp_server`
//!
//! It serves until Ctrl-C or SIGTERM. `examples/python/amqp_client.py` is a client in Python. What any client has to know
//! of the service, whose name is `demo` unless an argument gives another:
//!
//! - Requests go to the exchange `demo-request`, with any routing key. The body is a number in text: primes are counted below
//!   it. Requests wait in a queue while no server runs, and are shared out among all that do.
//! - Control messages go to the exchange `demo-control`, and reach every server. One whose header `task-id` is that of a task
//!   that runs sets another limit for it. One without that header is an optional request: it runs where a slot is spare, and
//!   gives way to requests.
//! - Requests that fail for good wait in the queue `demo-dead`, with the headers `occamy-reason`, `occamy-kind`,
//!   `occamy-origin` and `occamy-attempt` beside their own.
//! - Of the headers that a request may have, `task-id` names its task for control messages, and `X-Request-ID` ties together
//!   what is logged of it. These are strings. With an integer in `fail`, as many attempts fail before one succeeds; this
//!   server gives up after three.
#![allow(clippy::print_stdout, reason = "the example shows its results there")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use clap::Parser;
use occamy_amqp::AmqpTransport;
use occamy_core::transport::{SecretUrl, header};
use occamy_core::{BoxTask, Error, ErrorKind, Headers, SlotStatus, Task, TaskContext, TaskDetails};
use occamy_examples::{arguments, json};
use occamy_runtime::Server;
use tracing_subscriber::EnvFilter;

struct CountPrimes {
    headers: Headers,
    body: Bytes,
    id: String,
    fail: i64,
    /// Control messages change it, on other threads.
    limit: AtomicU64,
}

/// Makes a task of a request, or of a control message without a task id. An error makes a dead letter of the request.
fn handler(headers: &Headers, body: &Bytes) -> Result<BoxTask, Error> {
    Ok(BoxTask::from(CountPrimes {
        headers: headers.clone(),
        body: body.clone(),
        id: headers.optional_string(header::TASK_ID)?.unwrap_or_default().to_owned(),
        fail: headers.optional_integer("fail")?.unwrap_or(0),
        limit: AtomicU64::new(number(body)?),
    }))
}

impl Task for CountPrimes {
    fn details(&self) -> TaskDetails {
        TaskDetails::new(self.id.as_str()).group("primes")
    }

    fn run(&self, cx: &TaskContext) -> Result<(), Error> {
        let requested = cx.status() == SlotStatus::Protected;
        tell(if requested { "request" } else { "offer" }, cx, &self.headers, &self.body);
        if i64::from(cx.attempt()) <= self.fail {
            return Err(Error::new(ErrorKind::UnknownTask, "the header \"fail\" says so").retryable());
        }
        let (mut count, mut n) = (0_u64, 2);
        while n < self.limit.load(Ordering::Relaxed) {
            cx.check()?; // an error when the server shuts down, or when a request needs the slot of an optional one
            if n.is_multiple_of(1 << 20) {
                tracing::info!(id = cx.id(), n, count, "still counting");
            }
            count += u64::from((2..).take_while(|d| d * d <= n).all(|d| n % d != 0));
            n += 1;
        }
        tracing::info!(id = cx.id(), n, count, "counted");
        tell("done", cx, &self.headers, &count.to_string().into());
        Ok(())
    }

    fn handle(&self, cx: &TaskContext, headers: &Headers, body: &Bytes) -> Result<(), Error> {
        self.limit.store(number(body)?, Ordering::Relaxed);
        tell("control", cx, headers, body);
        Ok(())
    }
}

fn number(body: &Bytes) -> Result<u64, Error> {
    let number = std::str::from_utf8(body).ok().and_then(|text| text.trim().parse().ok());
    number.ok_or_else(|| Error::new(ErrorKind::InvalidBody, "expected a number, from 0 up"))
}

/// A line of JSON for whoever follows.
fn tell(event: &str, cx: &TaskContext, headers: &Headers, body: &Bytes) {
    let (id, attempt, headers) = (cx.id(), cx.attempt(), json::headers(headers));
    let body = String::from_utf8_lossy(body);
    println!(
        "{}",
        serde_json::json!({"event": event, "task-id": id, "attempt": attempt, "headers": headers, "body": body})
    );
}

#[derive(Parser)]
#[command(about = "Counts primes for whoever asks through RabbitMQ")]
struct Options {
    /// The name of the service, which its servers and clients share
    #[arg(default_value = "demo")]
    service: String,
    /// Where RabbitMQ is: amqp://user:password@host:5672/vhost, or amqps:// where it has to be encrypted
    #[arg(env = "OCCAMY_AMQP_URL", hide_env_values = true, default_value = "amqp://127.0.0.1:5672")]
    url: String,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Options { service, url } = arguments::read(std::env::args_os()).unwrap_or_else(|error| error.exit());
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();

    let server = Server::builder(handler).max_attempts(3).retry_delay(Duration::from_millis(200)).build()?;
    // It declares the exchanges and queues. A connection that is lost later is made anew without our doing. What was not
    // settled by then is handed out again, and the task that still works on it can tell: `cx.lease_lost()`.
    let transport = AmqpTransport::builder(&service).url(SecretUrl::new(url)).connect().await?;
    tracing::info!("serving {service}, until Ctrl-C or SIGTERM");
    // The first signal: nothing new is taken, and what runs has the grace period of 20 s to end; then it is handed back, and
    // another server does it. The second signal ends that period.
    server.serve(transport).with_signals().await?;
    Ok(())
}
