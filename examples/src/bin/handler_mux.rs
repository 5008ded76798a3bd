//! Shows `HandlerMux`: requests of several kinds, told apart by their header `handler-id`, on one server.
//!
//! `cargo run --release -p occamy-examples --bin handler_mux`
//!
//! It sends itself four requests. There is no handler for the kind of the last one, which becomes a dead letter. With the
//! embedded broker it ends when all are settled, and shows what has failed. With another, as in `--broker
//! nats://127.0.0.1:4222`, it serves whatever anybody sends to the service `mux` until Ctrl-C, and dead letters lie where
//! that broker has them.
#![allow(clippy::print_stdout, reason = "the example shows its results there")]

use bytes::Bytes;
use clap::Parser;
use occamy_core::transport::{Transport, header};
use occamy_core::{BoxTask, Error, ErrorKind, Headers, Task, TaskContext, TaskDetails};
use occamy_core::{Handler, HandlerMux, handler_fn};
use occamy_examples::{arguments, broker::Broker};
use occamy_runtime::{Server, memory::MemoryBroker, signals};

struct Sum(Vec<i64>);

impl Task for Sum {
    fn details(&self) -> TaskDetails {
        TaskDetails::default().group("sum")
    }

    fn run(&self, cx: &TaskContext) -> Result<(), Error> {
        println!("{}: the sum is {}", cx.group(), self.0.iter().sum::<i64>());
        Ok(())
    }
}

struct Reverse(String);

impl Task for Reverse {
    fn details(&self) -> TaskDetails {
        TaskDetails::default().group("reverse")
    }

    fn run(&self, cx: &TaskContext) -> Result<(), Error> {
        println!("{}: {}", cx.group(), self.0.chars().rev().collect::<String>());
        Ok(())
    }
}

/// Each handler checks the messages of its own kind, and need not know of the others.
fn handlers() -> impl Handler {
    HandlerMux::new().route("sum", sum).route(
        "reverse",
        // Where it is this short, a closure does as well.
        handler_fn(|_, body| Ok(Reverse(text(body)?.to_owned()).into())),
    )
}

fn sum(_: &Headers, body: &Bytes) -> Result<BoxTask, Error> {
    let numbers: Result<_, _> = text(body)?.split_whitespace().map(str::parse).collect();
    let numbers =
        numbers.map_err(|error| Error::new(ErrorKind::InvalidBody, "expected numbers").with_source(error))?;
    Ok(Sum(numbers).into())
}

fn text(body: &Bytes) -> Result<&str, Error> {
    let invalid = |error| Error::new(ErrorKind::InvalidBody, "expected text").with_source(error);
    std::str::from_utf8(body).map_err(invalid)
}

#[derive(Parser)]
#[command(about = "Serves requests of several kinds, told apart by their header handler-id")]
struct Options {
    /// Where messages go: a URL, whose scheme picks the transport. memory: is a broker within this process
    #[arg(long, value_name = "URL", default_value = "memory:")]
    broker: Broker,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Options { broker } = arguments::read(std::env::args_os()).unwrap_or_else(|error| error.exit());
    let embedded = MemoryBroker::new();
    let name = format!("mux-{}", std::process::id());
    let transport = broker.connect("mux", &name, Some(&embedded)).await?;
    let publisher = transport.publisher();
    for (kind, body) in [("sum", "1 2 39"), ("reverse", "llama"), ("sum", "1 2 -3"), ("shout", "quietly")] {
        publisher.request(Headers::new().with(header::HANDLER_ID, kind), body.into()).await?;
    }

    let all_settled = embedded.clone();
    let end = async move {
        tokio::select! {
            () = signals::terminate() => {}
            // Nobody outside of this process can send more.
            () = all_settled.idle(), if broker == Broker::Memory => {}
        }
    };
    Server::builder(handlers()).build()?.serve(transport).with_graceful_shutdown(end).await?;
    for letter in embedded.dead_letters() {
        let (body, error) = (String::from_utf8_lossy(&letter.body), letter.error.message());
        println!("dead letter: {body}, for {error}");
    }
    Ok(())
}
