//! Shows a worker for any program: each request runs it once, and a request evicts assistants at once, whatever they do.
//!
//! `cargo run --release -p occamy-examples --bin worker -- --broker memory: --service demo --slots 2 -- cat`
//!
//! Requests are lines of JSON on standard input, such as `{"headers": {"task-id": "a"}, "body": "text"}`; each settlement
//! is a line of JSON on standard output. `--help` explains the options.

use std::io::IsTerminal;
use std::process::ExitCode;

use occamy_examples::worker;
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    let options = match worker::Options::read(std::env::args_os()) {
        Ok(options) => options,
        Err(error) => error.exit(),
    };
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info")))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        // It would panic where standard error is closed.
        .log_internal_errors(false)
        .init();
    match worker::main(&options).await {
        Ok(code) => code,
        Err(error) => {
            worker::complain(format_args!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
