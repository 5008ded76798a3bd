//! Shows a transport of another kind: a server that takes its requests from Redis Streams.
//!
//! `cargo run --release -p occamy-examples --bin custom_transport`
//!
//! It serves until Ctrl-C. Another one, on the same machine or elsewhere, shares the requests with it; `--send 20` sends
//! some. For a Redis of its own, first `eval "$(cargo xtask brokers up redis)"`. What is worth reading is the library's
//! module `custom_transport`.

use std::process::ExitCode;

use clap::Parser;
use occamy_examples::custom_transport;
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    let options = custom_transport::Options::parse();
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info")))
        .with_writer(std::io::stderr)
        .init();
    match custom_transport::main(&options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
