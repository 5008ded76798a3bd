//! The embedded broker as a worker uses it: messages are lines of JSON, and so are their settlements.
//!
//! A thread [reads](reader) the lines and sends them to the broker, as long as not too much is unsettled. What the broker
//! hands out goes through [transport], which has each settlement [written](writer) as a line. The [ledger] knows which
//! lines are unsettled, and when all is done.

mod ledger;
mod parse;
mod reader;
mod transport;
mod writer;

use std::io::{BufRead, Write};

use occamy_runtime::memory::MemoryBroker;

use super::connection::Connection;
use ledger::Ledger;
use transport::LineTransport;
use writer::Writer;

/// Connects a server of this name with a broker of its own. Reads messages from `input`, and writes settlements to
/// `output`.
///
/// # Panics
///
/// Outside of a tokio runtime.
pub(super) fn connect(
    name: &str,
    input: impl BufRead + Send + 'static,
    output: impl Write + Send + 'static,
) -> std::io::Result<Connection> {
    let broker = MemoryBroker::builder()
        // Lines have limits of their own.
        .max_message(usize::MAX)
        .control_queue(ledger::MAX_MESSAGES)
        .build();
    let ledger = Ledger::default();
    let writer = Writer::start(output, ledger.clone())?;
    let transport = LineTransport::new(&broker, name, ledger.clone(), writer);
    reader::start(input, ledger.clone(), broker.publisher())?;
    Ok(Connection {
        transport: Box::new(transport),
        monitor: Box::new(ledger.clone()),
        end: Box::pin(async move { ledger.end().await }),
        shared: false,
    })
}

#[cfg(test)]
mod tests;
