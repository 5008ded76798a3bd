//! Processes that outlive the command which started them, known again without a doubt: a number that the system has
//! given to another process since is never signalled.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use procfs::process::{ProcState, Process};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

/// A process, and no later one that has its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ProcessId {
    pid: i32,
    /// In clock ticks since the system came up.
    started: u64,
    /// The system's word for this time of being up.
    boot: String,
}

/// Set for every server, to the folder that it belongs to, and handed down to what the server itself starts.
const MARK: &str = "OCCAMY_BROKER_FOLDER";

impl ProcessId {
    /// The process with this number, if there is one that has not ended.
    fn of(process: &Process) -> Option<Self> {
        let stat = process.stat().ok()?;
        if matches!(stat.state(), Ok(ProcState::Zombie | ProcState::Dead)) {
            return None;
        }
        let boot = procfs::sys::kernel::random::boot_id().ok()?;
        Some(Self { pid: stat.pid, started: stat.starttime, boot })
    }

    pub(super) fn current() -> Result<Self> {
        let this = Process::myself().context("/proc")?;
        Self::of(&this).context("/proc does not tell of this process")
    }

    pub(super) fn is_alive(&self) -> bool {
        Process::new(self.pid).ok().and_then(|process| Self::of(&process)).as_ref() == Some(self)
    }

    pub(super) fn pid(&self) -> i32 {
        self.pid
    }

    /// Ends the process: SIGTERM, and SIGKILL when it takes longer than `patience`. Returns when it is gone.
    fn end(&self, patience: Duration) -> Result<()> {
        let Some(handle) = self.handle() else { return Ok(()) };
        for (signal, patience) in [(Signal::TERM, patience), (Signal::KILL, Duration::from_secs(10))] {
            // An error says that the process has just ended.
            let _ = pidfd_send_signal(&handle, signal);
            if has_ended(&handle, patience)? {
                return Ok(());
            }
        }
        bail!("process {} does not end", self.pid)
    }

    /// Refers to the process whatever becomes of its number. Checked after it was opened: it is the right one.
    fn handle(&self) -> Option<OwnedFd> {
        let handle = pidfd_open(Pid::from_raw(self.pid)?, PidfdFlags::empty()).ok()?;
        self.is_alive().then_some(handle)
    }
}

fn has_ended(handle: &OwnedFd, patience: Duration) -> Result<bool> {
    let until = Instant::now() + patience;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).context("a wait of seconds")?;
        match poll(&mut [PollFd::new(handle, PollFlags::IN)], Some(&left)) {
            Ok(ready) => return Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error).context("wait for a process"),
        }
    }
}

/// What to run as a server.
#[derive(Debug, Default)]
pub(super) struct Program {
    pub(super) path: std::path::PathBuf,
    pub(super) args: Vec<String>,
    pub(super) variables: BTreeMap<&'static str, String>,
}

impl Program {
    /// Starts it so that neither a Ctrl-C in this terminal nor our end ends it. What it writes goes to the log.
    pub(super) fn start(&self, folder: &Path, log: &Path) -> Result<ProcessId> {
        let log = File::options().create(true).append(true).open(log).context("open the server's log")?;
        let child = Command::new(&self.path)
            .args(&self.args)
            .envs(&self.variables)
            .env(MARK, folder)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("the server's log")?)
            .stderr(log)
            .process_group(0)
            .spawn()
            .with_context(|| format!("start {}", self.path.display()))?;
        let pid = i32::try_from(child.id()).context("the number of a process")?;
        let process = Process::new(pid).ok().and_then(|process| ProcessId::of(&process));
        process.with_context(|| format!("{} ended at once", self.path.display()))
    }
}

/// Ends these in their order, and then whatever else was started for the folder: what a server leaves behind, or what
/// was started by a command that did not live to write it down.
pub(super) fn end_all(folder: &Path, known: &[ProcessId], patience: Duration) -> Result<()> {
    for process in known {
        process.end(patience)?;
    }
    for process in marked(folder)? {
        process.end(patience)?;
    }
    Ok(())
}

fn marked(folder: &Path) -> Result<Vec<ProcessId>> {
    let all = procfs::process::all_processes().context("/proc")?;
    let is_marked = |process: &Process| {
        // Those of other users can't be read, and are not ours.
        let variables = process.environ().unwrap_or_default();
        variables.get(OsStr::new(MARK)).is_some_and(|it| it.as_os_str() == folder.as_os_str())
    };
    Ok(all.flatten().filter(is_marked).filter_map(|process| ProcessId::of(&process)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper(folder: &Path) -> ProcessId {
        let program =
            Program { path: "/bin/sleep".into(), args: vec!["600".to_owned()], ..Program::default() };
        program.start(folder, &folder.join("log")).unwrap()
    }

    #[test]
    fn a_process_with_the_same_number_is_another() {
        let this = ProcessId::current().unwrap();
        let earlier = ProcessId { started: this.started - 1, ..this.clone() };
        let other_boot = ProcessId { boot: "before".to_owned(), ..this.clone() };

        assert!(this.is_alive());
        assert!(!earlier.is_alive());
        assert!(!other_boot.is_alive());
        // Were they ended, this test would be.
        earlier.end(Duration::ZERO).unwrap();
        other_boot.end(Duration::ZERO).unwrap();
    }

    #[test]
    fn what_was_started_for_the_folder_is_ended_though_nobody_wrote_it_down() {
        let ours = tempfile::tempdir().unwrap();
        let theirs = tempfile::tempdir().unwrap();
        let forgotten = sleeper(ours.path());
        let other = sleeper(theirs.path());

        end_all(ours.path(), &[], Duration::from_secs(30)).unwrap();

        assert!(!forgotten.is_alive());
        assert!(other.is_alive());
        end_all(theirs.path(), std::slice::from_ref(&other), Duration::from_secs(30)).unwrap();
        assert!(!other.is_alive());
    }
}
