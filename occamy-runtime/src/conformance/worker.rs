//! Servers in processes of their own, which can be killed: this program, started again.

use std::future::IntoFuture;
use std::io::{BufRead, Write};
use std::process::{ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use occamy_core::Error;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::failure::{Checked, Failure};
use super::log::Log;
use super::serving::{server, work};
use super::subject::{Connection, Subject};
use super::witness::Witness;

/// The first argument of a program that is to be a worker. The others are those of its connection.
const HIDDEN: &str = "--occamy-conformance-worker";
/// What a task never finishes.
pub(super) const HOLD: &str = "hold";
const SLOTS: usize = 2;

/// A server in a process of its own.
pub(super) struct Worker {
    child: Child,
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

/// What a process has used.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usage {
    /// Time on a core, of all threads.
    pub(super) cpu: Duration,
    /// Memory in use, in KiB. 0 where that can't be told.
    pub(super) memory: u64,
}

impl Worker {
    /// Starts one, and waits until it is connected.
    pub(super) async fn start(connection: &Connection) -> Checked<Self> {
        let program = std::env::current_exe()?;
        let address = connection.address.map_or_else(|| "-".to_owned(), |address| address.to_string());
        let mut child = Command::new(program)
            .arg(HIDDEN)
            .args([&connection.service, &connection.server, &address])
            .arg(connection.lease.as_millis().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let input = child.stdin.take().expect("it was asked for");
        let lines = BufReader::new(child.stdout.take().expect("it was asked for")).lines();
        let mut worker = Self { child, input, lines };
        worker.says("serving", Duration::from_secs(30)).await?;
        Ok(worker)
    }

    /// Waits until it says a line that begins like this, and returns the rest.
    pub(super) async fn says(&mut self, wanted: &str, within: Duration) -> Checked<String> {
        let line = async {
            while let Some(line) = self.lines.next_line().await? {
                if let Some(rest) = line.strip_prefix(wanted) {
                    return Ok(rest.trim().to_owned());
                }
            }
            Err(Failure(format!("a worker has ended by itself, when `{wanted}` was expected of it")))
        };
        let line = timeout(within, line).await;
        line.map_err(|_| Failure(format!("expected of a worker within {within:?}: `{wanted}`")))?
    }

    /// What it has used so far.
    pub(super) async fn usage(&mut self) -> Checked<Usage> {
        self.input.write_all(b"usage\n").await?;
        let used = self.says("used", Duration::from_secs(10)).await?;
        let numbers: Option<Vec<u64>> = used.split(' ').map(|number| number.parse().ok()).collect();
        match numbers.as_deref() {
            Some(&[cpu, memory]) => Ok(Usage { cpu: Duration::from_millis(cpu), memory }),
            _ => Err(Failure(format!("{used:?} is not what a worker has used"))),
        }
    }

    /// Kills it, by SIGKILL where there are signals.
    pub(super) async fn kill(mut self) -> Checked {
        Ok(self.child.kill().await?)
    }
}

/// Is a worker, if this process was started for that.
pub(super) fn run_if_asked(subject: &Arc<dyn Subject>, arguments: &[String]) -> Option<ExitCode> {
    let [hidden, service, name, address, lease] = arguments else { return None };
    if hidden != HIDDEN {
        return None;
    }
    let lease = Duration::from_millis(lease.parse().ok()?);
    let connection = Connection::new(service, name, lease, address.parse().ok());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().ok()?;
    std::thread::spawn(answer);
    let ended = runtime.block_on(serve(&**subject, &connection));
    say(&format!("ended {ended:?}"));
    Some(ExitCode::FAILURE)
}

async fn serve(subject: &dyn Subject, connection: &Connection) -> Checked {
    let log = Log::new();
    let transport = Witness::new(subject.connect(connection).await?, log.clone(), &connection.server);
    let work = work(|body, _| async move {
        say(&format!("began {}", String::from_utf8_lossy(&body)));
        if body.starts_with(HOLD.as_bytes()) {
            std::future::pending::<()>().await;
        }
        Ok::<_, Error>(())
    });
    let server = server(&log, &connection.server, SLOTS, work)?;
    let serving = server.serve(transport).into_future();
    say("serving");
    let ended = serving.await;
    Err(Failure(format!("{ended:?}")))
}

/// Answers the parent, and ends the process with it.
fn answer() {
    for line in std::io::stdin().lock().lines() {
        if line.is_ok_and(|line| line == "usage") {
            say(&format!("used {} {}", cpu_time().as_millis(), memory()));
        }
    }
    std::process::exit(1);
}

#[cfg(unix)]
fn cpu_time() -> Duration {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(spent).unwrap_or_default()
}

/// Where there is no such clock, nothing is found out.
#[cfg(not(unix))]
fn cpu_time() -> Duration {
    Duration::ZERO
}

/// As Linux tells it.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|size| size.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

fn say(line: &str) {
    let mut output = std::io::stdout().lock();
    let _ = writeln!(output, "{line}").and_then(|()| output.flush());
}
