//! Running the worker: lines in, settlements out.

use std::fmt::Debug;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use serde_json::Value;

pub(crate) use crate::process::eventually;
use crate::process::{BOUND, Process};

/// A running worker. Killed when dropped.
pub(crate) struct Worker {
    process: Process,
    stdin: Option<ChildStdin>,
    settlements: Receiver<Value>,
}

/// How a worker ended, and what it wrote.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    /// Those that nobody has received before, in the order of their lines. Of one line they are as they were written.
    pub(crate) settlements: Vec<Value>,
    pub(crate) stderr: String,
}

/// The program with these arguments, and nothing of this process's settings.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
    command.args(arguments).env_remove("RUST_LOG").env_remove("OCCAMY_SLOTS");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs the program on this input, until it ends.
pub(crate) fn run(arguments: &[&str], input: impl Into<Vec<u8>>) -> Ended {
    let mut worker = Worker::start(&mut command(arguments));
    let (mut stdin, input) = (worker.stdin.take().unwrap(), input.into());
    let writing = thread::spawn(move || {
        // A program that doesn't like its options reads nothing.
        let _ = stdin.write_all(&input);
    });
    let ended = worker.wait();
    writing.join().unwrap();
    ended
}

impl Worker {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut process = Process::start(command);
        let (sender, settlements) = channel();
        if let Some(stdout) = process.take_stdout() {
            thread::spawn(move || {
                for line in BufReader::new(stdout).lines() {
                    let settlement = serde_json::from_str(&line.unwrap()).unwrap();
                    // Nobody may want to know.
                    let _ = sender.send(settlement);
                }
            });
        }
        Self { stdin: Some(process.take_stdin()), process, settlements }
    }

    pub(crate) fn send(&mut self, line: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    pub(crate) fn end_input(&mut self) {
        self.stdin = None;
    }

    /// The next settlement.
    pub(crate) fn receive(&self) -> Value {
        self.settlements.recv_timeout(BOUND).unwrap()
    }

    /// The next settlement, if it is there.
    pub(crate) fn try_receive(&self) -> Option<Value> {
        self.settlements.try_recv().ok()
    }

    pub(crate) fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// Waits for the end.
    pub(crate) fn wait(self) -> Ended {
        let (status, stderr) = self.process.wait();
        let mut settlements: Vec<_> = self.settlements.iter().collect();
        settlements.sort_by_key(|settlement| settlement["line"].as_u64());
        Ended { status, settlements, stderr }
    }
}

impl Ended {
    /// Exits with this code, and every settlement is of this line with this verdict.
    #[track_caller]
    pub(crate) fn assert(&self, code: i32, verdicts: &[(u64, &str)]) {
        let settlements = self.settlements.iter();
        let own: Vec<_> = settlements
            .map(|settlement| (settlement["line"].as_u64().unwrap(), settlement["verdict"].as_str().unwrap()))
            .collect();
        assert_eq!((self.status.code(), &*own), (Some(code), verdicts), "{self:#?}");
    }
}

/// A path at which nothing is yet, for programs to write to.
pub(crate) fn fresh_path(name: &str) -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("worker-{}-{number}-{name}", std::process::id());
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// A file that programs write to. Removed when dropped.
#[derive(Debug)]
pub(crate) struct SharedFile(PathBuf);

impl SharedFile {
    pub(crate) fn new(name: &str) -> Self {
        Self(fresh_path(name))
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    /// What was written so far.
    pub(crate) fn text(&self) -> String {
        std::fs::read_to_string(&self.0).unwrap_or_default()
    }

    /// The first line, as soon as it is complete.
    pub(crate) fn first_line(&self) -> String {
        eventually("a program has written a line", || {
            self.text().split_once('\n').map(|(line, _)| line.to_owned())
        })
    }
}

impl Drop for SharedFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Those of these values that are equal to none before.
pub(crate) fn distinct<T: PartialEq + Debug>(values: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut distinct = Vec::new();
    for value in values {
        if !distinct.contains(&value) {
            distinct.push(value);
        }
    }
    distinct
}
