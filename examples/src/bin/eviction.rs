//! Shows how quickly a request starts on a server whose slots are all held by assistants that burn the CPU.
//!
//! `cargo run --release -p occamy-examples --bin eviction`
//!
//! It compares assistants that look at their stop rarely with some that never do, each with and without
//! `eviction_overlap`, and all of them with an empty server. `--help` lists the options.

use std::process::ExitCode;

use clap::Parser;
use occamy_examples::eviction;
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    let options = eviction::Options::parse();
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("error")))
        .with_writer(std::io::stderr)
        .init();
    match eviction::main(&options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
