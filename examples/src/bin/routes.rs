//! Shows a compute service that grows into spare cores: route optimisation on three servers and an embedded broker.
//!
//! `cargo run --release -p occamy-examples --bin routes`
//!
//! Requests are travelling-salesman instances. Each becomes a master, which searches for a short tour and expands into
//! assistants wherever a slot is spare; later requests evict assistants and start at once. With `--broker nats://…`,
//! `amqp://…` or `kafka://…` servers and clients are processes of their own: `--role server`, `--role client`. `--help` lists
//! the options.

use std::process::ExitCode;

use occamy_examples::routes;
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    let options = match routes::Options::read(std::env::args_os()) {
        Ok(options) => options,
        Err(error) => error.exit(),
    };
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("error")))
        .with_writer(std::io::stderr)
        .init();
    match routes::main(&options).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
