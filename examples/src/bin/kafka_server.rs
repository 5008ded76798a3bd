//! Shows a whole server at Kafka: it counts the primes below the number in a request's body.
//!
//! `cargo run --release -p occamy-examples --bin kafka_server -- kafka://127.0.0.1:9092`
//!
//! Requests come from any client of Kafka, as records of the topic `primes-request`, which the server creates where it is
//! missing. One comes with Kafka:
//!
//! `echo 5000000 | kafka-console-producer.sh --bootstrap-server 127.0.0.1:9092 --topic primes-request`
//!
//! They are kept while no server runs, and shared out among all that do. A header `task-id` gives a request a name: then a
//! record of the topic `primes-control` with the same header sets another number for it while it runs. Requests that fail for
//! good lie in the topic `primes-dead`, and their headers say why. `examples/python/kafka_client.py` is a client in Python that
//! does all of this. Ctrl-C ends the server, and hands back what it has not done in the grace period.
#![allow(clippy::print_stdout, reason = "the example shows its results there")]

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use occamy_core::transport::header;
use occamy_core::{BoxTask, Error, ErrorKind, Headers, Task, TaskContext, TaskDetails};
use occamy_kafka::KafkaTransport;
use occamy_runtime::Server;

struct CountPrimes {
    id: String,
    /// Control messages change it, on other threads.
    limit: AtomicU64,
}

impl Task for CountPrimes {
    fn details(&self) -> TaskDetails {
        TaskDetails::new(self.id.as_str()).group("primes")
    }

    fn run(&self, cx: &TaskContext) -> Result<(), Error> {
        let (mut count, mut n) = (0, 2);
        while n < self.limit.load(Ordering::Relaxed) {
            cx.check()?;
            count += u64::from((2..).take_while(|d| d * d <= n).all(|d| n % d != 0));
            n += 1;
        }
        println!("{count} primes below {n}");
        Ok(())
    }

    fn handle(&self, _: &TaskContext, _: &Headers, body: &Bytes) -> Result<(), Error> {
        self.limit.store(number(body)?, Ordering::Relaxed);
        Ok(())
    }
}

/// Makes a task of a request. An error makes a dead letter of it.
fn handler(headers: &Headers, body: &Bytes) -> Result<BoxTask, Error> {
    let id = headers.optional_string(header::TASK_ID)?.unwrap_or_default().to_owned();
    Ok(CountPrimes { id, limit: AtomicU64::new(number(body)?) }.into())
}

fn number(body: &Bytes) -> Result<u64, Error> {
    let number = std::str::from_utf8(body).ok().and_then(|text| text.trim().parse().ok());
    number.ok_or_else(|| Error::new(ErrorKind::InvalidBody, "expected a number, from 0 up"))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().unwrap_or_else(|| "kafka://127.0.0.1:9092".to_owned());
    let service = arguments.next().unwrap_or_else(|| "primes".to_owned());
    let server = Server::builder(handler).build()?;
    let transport = KafkaTransport::builder(&service).url(url).connect().await?;
    server.serve(transport).with_signals().await?;
    Ok(())
}
