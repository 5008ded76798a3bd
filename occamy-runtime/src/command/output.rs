//! What a program writes: read always, so that it never waits for us, and kept never, but for the end of stderr.

use std::sync::atomic::{AtomicU64, Ordering};

use occamy_core::{CommandTask, OutputLine, OutputStream, TaskContext};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{ChildStderr, ChildStdout};
use tokio::task::coop::consume_budget;

use super::lines::Lines;
use super::tail::Tail;

/// How many lines of one run are logged, of both streams together. A program that writes without end would fill the disk.
const MAX_LOGGED: u64 = 1_000;

/// How much is read at a time.
const CHUNK: usize = 8 << 10;

/// The target of the lines in the log.
const TARGET: &str = "occamy::command";

/// Takes what a program writes.
pub(super) struct Output<'a> {
    sink: Sink<'a>,
    tail: Tail,
}

/// Where lines go.
struct Sink<'a> {
    command: &'a CommandTask,
    cx: &'a TaskContext,
    /// How many there were to be logged.
    lines: AtomicU64,
}

impl<'a> Output<'a> {
    pub(super) fn new(command: &'a CommandTask, cx: &'a TaskContext) -> Self {
        Self { sink: Sink { command, cx, lines: AtomicU64::new(0) }, tail: Tail::default() }
    }

    /// Reads both streams to their ends. When it is dropped before, what was read so far counts.
    pub(super) async fn read(&mut self, stdout: ChildStdout, stderr: ChildStderr) {
        let Self { sink, tail } = self;
        tokio::join!(
            sink.read(OutputStream::Stdout, stdout, |_| ()),
            sink.read(OutputStream::Stderr, stderr, |chunk| tail.push(chunk)),
        );
    }

    /// No more is read. Returns the end of what came on stderr.
    pub(super) fn finish(self) -> String {
        let unlogged = self.sink.lines.into_inner().saturating_sub(MAX_LOGGED);
        if unlogged > 0 {
            tracing::info!(target: TARGET, unlogged, "this many lines of the program's output were not logged");
        }
        self.tail.text()
    }
}

impl Sink<'_> {
    async fn read(
        &self,
        stream: OutputStream,
        mut pipe: impl AsyncRead + Unpin,
        mut look: impl FnMut(&[u8]),
    ) {
        let (mut buffer, mut lines) = (vec![0; CHUNK], Lines::default());
        loop {
            // Yields now and then, even if there is always more.
            let mut chunk = match pipe.read(&mut buffer).await {
                Ok(0) => break,
                Ok(length) => &buffer[..length],
                Err(error) => {
                    tracing::debug!(%error, stream = stream.as_str(), "a program's output can't be read");
                    break;
                }
            };
            look(chunk);
            while lines.take(&mut chunk) {
                if self.deliver(stream, &lines) {
                    // A chunk may have thousands of lines.
                    consume_budget().await;
                }
            }
        }
        if lines.finish() {
            self.deliver(stream, &lines);
        }
    }

    /// Hands on a line. False if it went nowhere.
    fn deliver(&self, stream: OutputStream, lines: &Lines) -> bool {
        let (bytes, cut) = lines.line();
        let line = OutputLine::new(stream, bytes, cut);
        if let Some(hook) = self.command.output_hook() {
            hook(self.cx, line);
            return true;
        }
        let count = self.lines.fetch_add(1, Ordering::Relaxed);
        if count == MAX_LOGGED {
            tracing::info!(target: TARGET, "the program goes on writing; no more of it is logged");
        }
        if count < MAX_LOGGED {
            log(line);
        }
        count < MAX_LOGGED
    }
}

fn log(line: OutputLine<'_>) {
    let cut = line.cut.then_some(true);
    match line.stream {
        OutputStream::Stdout => tracing::info!(target: TARGET, cut, "{}", line.text()),
        OutputStream::Stderr => tracing::warn!(target: TARGET, cut, "{}", line.text()),
    }
}
