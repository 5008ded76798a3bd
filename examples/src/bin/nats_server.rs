//! Shows a whole server at NATS JetStream: it counts the primes below the number in a request's body.
//!
//! `cargo run --release -p occamy-examples --bin nats_server -- nats://127.0.0.1:4222`
//!
//! Requests come from any client of NATS, for example `nats pub primes-request 5000000`. They are kept while no server
//! runs, and shared out among all that do. Ctrl-C ends it, and hands back what it has not done in the grace period.
#![allow(clippy::print_stdout, reason = "the example shows its results there")]

use occamy_core::{Error, Task, TaskContext, TaskDetails, handler_fn};
use occamy_nats::NatsTransport;
use occamy_runtime::Server;

struct CountPrimes(u64);

impl Task for CountPrimes {
    fn details(&self) -> TaskDetails {
        TaskDetails::default().group("primes")
    }

    fn run(&self, cx: &TaskContext) -> Result<(), Error> {
        let mut count = 0;
        for n in 2..self.0 {
            cx.check()?;
            count += usize::from((2..).take_while(|d| d * d <= n).all(|d| n % d != 0));
        }
        println!("{count} primes below {}", self.0);
        Ok(())
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "nats://127.0.0.1:4222".to_owned());
    let handler = handler_fn(|_, body| {
        let text = std::str::from_utf8(body).map_err(Error::other)?;
        Ok(CountPrimes(text.trim().parse().map_err(Error::other)?).into())
    });
    let server = Server::builder(handler).build()?;
    let transport = NatsTransport::builder("primes").url(url).connect().await?;
    server.serve(transport).with_signals().await?;
    Ok(())
}
