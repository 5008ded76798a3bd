//! Shows one trace of OpenTelemetry's through everything that a request brings about, on two servers.
//!
//! `cargo run -p occamy-example-opentelemetry`
//!
//! The request becomes a master. It sends two more requests, which go to whichever server, and an optional one, which each
//! server runs in a spare slot; and it has an assistant on its own server. All of them tell it by control messages that they
//! are done. What reaches the exporter is one trace, which is drawn here as a tree.
//!
//! - `propagator.rs` ties the library's spans to OpenTelemetry: copy it.
//! - `crew.rs` has the tasks, which pass the trace on by `cx.traced(headers)`.
//!
//! The exporter keeps spans in memory. One that sends them, such as `opentelemetry-otlp`'s, goes to the same place.

use std::io::Write;

use occamy_example_opentelemetry::{draw, run};
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("occamy"));
    tracing_subscriber::registry().with(layer).init();

    run().await?;

    provider.force_flush()?;
    let tree = draw(&exporter.get_finished_spans()?);
    Ok(std::io::stdout().write_all(tree.as_bytes())?)
}
