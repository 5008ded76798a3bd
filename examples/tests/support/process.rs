//! Running a program, with a bound on how long anything may take.
#![allow(dead_code, reason = "each test program uses its own part")]

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// More than anything takes, on the slowest machine.
pub(crate) const BOUND: Duration = Duration::from_secs(30);

/// A running program. Killed when dropped.
pub(crate) struct Process {
    running: Running,
    stderr: Reader,
}

struct Running(Child);

/// Reads a stream to its end, in the background.
pub(crate) struct Reader {
    text: Arc<Mutex<String>>,
    thread: JoinHandle<()>,
}

impl Process {
    /// Starts it, with pipes.
    pub(crate) fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stderr = Reader::start(child.stderr.take().unwrap());
        Self { running: Running(child), stderr }
    }

    pub(crate) fn take_stdin(&mut self) -> ChildStdin {
        self.running.0.stdin.take().unwrap()
    }

    pub(crate) fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.running.0.stdout.take()
    }

    /// What it has written to standard error so far.
    pub(crate) fn stderr(&self) -> &Reader {
        &self.stderr
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.running.0.id().to_string();
        let sent = Command::new("sh").args(["-c", r#"kill -s "$0" "$1""#, name, &id]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for the end. With the status comes what it wrote to standard error.
    pub(crate) fn wait(mut self) -> (ExitStatus, String) {
        let status = eventually("the program ends", || self.running.0.try_wait().unwrap());
        (status, self.stderr.all())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended by itself, unless the test failed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Reader {
    pub(crate) fn start(stream: impl Read + Send + 'static) -> Self {
        let text = Arc::<Mutex<String>>::default();
        let so_far = Arc::clone(&text);
        let thread = thread::spawn(move || {
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            while stream.read_line(&mut line).unwrap() > 0 {
                so_far.lock().unwrap().push_str(&line);
                line.clear();
            }
        });
        Self { text, thread }
    }

    /// Waits for a line that contains this.
    #[track_caller]
    pub(crate) fn line(&self, part: &str) -> String {
        self.nth_line(1, part)
    }

    /// Waits for the line that contains this for the so-many-th time, from 1.
    #[track_caller]
    pub(crate) fn nth_line(&self, number: usize, part: &str) -> String {
        eventually(part, || {
            let text = self.text.lock().unwrap();
            // The last line may be incomplete, and is looked at when it isn't.
            text.split_inclusive('\n')
                .filter(|line| line.contains(part) && line.ends_with('\n'))
                .nth(number - 1)
                .map(str::to_owned)
        })
    }

    /// Everything, when the stream has ended.
    pub(crate) fn all(self) -> String {
        self.thread.join().unwrap();
        std::mem::take(&mut self.text.lock().unwrap())
    }
}

/// Waits until there is something.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < BOUND, "not after {BOUND:?}: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
