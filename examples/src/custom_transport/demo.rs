//! The program: a little server whose requests count primes, and the client that sends them.

use anyhow::Context;
use bytes::Bytes;
use clap::Parser;
use occamy_core::transport::{SecretUrl, Transport, header};
use occamy_core::{BoxTask, Error, ErrorKind, Headers, Task, TaskContext, TaskDetails, handler_fn};
use occamy_runtime::Server;

use super::{RedisOptions, RedisTransport};

/// Serves requests that come through Redis Streams, or sends some.
#[derive(Clone, Debug, Parser)]
#[command(version)]
pub struct Options {
    /// The URL of Redis, as redis://user:password@host:port
    #[arg(
        long,
        env = "OCCAMY_REDIS_URL",
        hide_env_values = true,
        default_value = "redis://127.0.0.1:6379",
        value_name = "URL"
    )]
    pub redis: SecretUrl,
    /// The name of the service: its requests lie in the stream NAME-request
    #[arg(long, default_value = "demo", value_name = "NAME")]
    pub service: String,
    /// How many tasks run side by side [default: one for each core]
    #[arg(long, value_name = "N")]
    pub slots: Option<usize>,
    /// Send so many requests, and end, instead of serving
    #[arg(long, value_name = "N")]
    pub send: Option<u32>,
}

/// The program: serves until it is told to end, or sends.
///
/// # Errors
///
/// If there is no connection, or no server.
pub async fn main(options: &Options) -> anyhow::Result<()> {
    let name = format!("{}-{}", options.service, std::process::id());
    let connection = RedisOptions::new(options.redis.clone(), &options.service, name);
    let transport = RedisTransport::connect(connection).await?;
    match options.send {
        Some(count) => {
            send(&transport, count).await?;
            Ok(transport.close().await?)
        }
        None => serve(transport, options.slots).await,
    }
}

/// Sends requests to count the primes below some numbers.
async fn send(transport: &RedisTransport, count: u32) -> anyhow::Result<()> {
    let publisher = transport.publisher();
    for number in 1..=count {
        let headers = Headers::new().with(header::TASK_ID, format!("primes-{number}"));
        let below = 1_000_000 * u64::from(number);
        publisher.request(headers, Bytes::from(below.to_string())).await.context("a request was not sent")?;
    }
    tracing::info!(count, "requests sent");
    Ok(())
}

/// Serves until SIGTERM or Ctrl-C. What is not done within the grace period goes to another server.
async fn serve(transport: RedisTransport, slots: Option<usize>) -> anyhow::Result<()> {
    let handler = handler_fn(|headers, body| Ok(BoxTask::from(Primes::read(headers, body)?)));
    let mut server = Server::builder(handler);
    if let Some(slots) = slots {
        server = server.slots(slots);
    }
    let report = server.build()?.serve(transport).with_signals().await?;
    tracing::info!(clean = report.is_clean(), "ended");
    Ok(())
}

/// Counts the primes below a number.
struct Primes {
    id: String,
    below: u64,
}

impl Primes {
    fn read(headers: &Headers, body: &Bytes) -> Result<Self, Error> {
        let below = std::str::from_utf8(body).ok().and_then(|text| text.trim().parse().ok());
        let below = below.ok_or_else(|| Error::new(ErrorKind::InvalidBody, "expected a whole number"))?;
        Ok(Self { id: headers.string(header::TASK_ID)?.to_owned(), below })
    }
}

impl Task for Primes {
    fn details(&self) -> TaskDetails {
        TaskDetails::new(&*self.id).group("primes")
    }

    fn run(&self, cx: &TaskContext) -> Result<(), Error> {
        let mut primes = 0_u64;
        for number in 2..self.below {
            // One atomic load. A longer step would look in the middle, too.
            cx.check()?;
            primes += u64::from(is_prime(number));
        }
        tracing::info!(primes, below = self.below, attempt = cx.attempt(), "counted");
        Ok(())
    }
}

fn is_prime(number: u64) -> bool {
    let mut divisors = (2..).take_while(|divisor| divisor * divisor <= number);
    number >= 2 && !divisors.any(|divisor| number.is_multiple_of(divisor))
}

#[cfg(test)]
mod tests {
    use occamy_runtime::test_support::TestContext;

    use super::*;

    #[test]
    fn primes_are_told_from_others() {
        let primes: Vec<u64> = (0..20).filter(|&number| is_prime(number)).collect();
        assert_eq!(primes, [2, 3, 5, 7, 11, 13, 17, 19]);
    }

    #[test]
    fn a_task_ends_when_it_is_told_to() {
        let headers = Headers::new().with(header::TASK_ID, "a");
        let task = Primes::read(&headers, &Bytes::from("18446744073709551615\n")).unwrap();
        let context = TestContext::new();
        context.stop();
        assert_eq!(task.run(context.cx()).unwrap_err().kind(), ErrorKind::TaskInterrupted);
        assert!(Primes::read(&headers, &Bytes::from("many")).is_err());
    }
}
