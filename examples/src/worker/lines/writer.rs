//! Writing settlements, each as a line of JSON.

use std::io::{self, Write};
use std::thread;

use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

use super::ledger::Ledger;

/// A settlement, as a line has it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Settlement<'a> {
    /// The number of the message's line, from 1.
    pub(super) line: u64,
    pub(super) message: &'static str,
    pub(super) task_id: Option<&'a str>,
    pub(super) verdict: &'static str,
    /// The kind of the error, and what it says.
    pub(super) kind: Option<&'static str>,
    pub(super) reason: Option<&'a str>,
    pub(super) attempt: u32,
}

/// Writes lines, from a thread of its own: whoever settles must not wait for who reads them. A clone is the same writer.
#[derive(Clone)]
pub(super) struct Writer(mpsc::UnboundedSender<(Vec<u8>, oneshot::Sender<bool>)>);

impl Writer {
    /// Begins to write to `output`. If that fails the ledger is told.
    pub(super) fn start(mut output: impl Write + Send + 'static, ledger: Ledger) -> io::Result<Self> {
        // As many lines wait here as messages are unsettled, and there is a bound on these.
        let (sender, mut lines) = mpsc::unbounded_channel::<(Vec<u8>, oneshot::Sender<bool>)>();
        let write = move || {
            while let Some((line, written)) = lines.blocking_recv() {
                let result = output.write_all(&line).and_then(|()| output.flush());
                // Whoever waited may be gone.
                let _ = written.send(result.is_ok());
                if let Err(error) = result {
                    ledger.output_failed(error);
                }
            }
        };
        thread::Builder::new().name("writer".into()).spawn(write)?;
        Ok(Self(sender))
    }

    /// Writes a settlement. True once that is done; false if it can't be.
    pub(super) async fn write(&self, settlement: &Settlement<'_>) -> bool {
        let mut line = serde_json::to_vec(settlement).expect("strings and numbers can be written");
        line.push(b'\n');
        let (written, result) = oneshot::channel();
        self.0.send((line, written)).is_ok() && result.await.unwrap_or(false)
    }
}
