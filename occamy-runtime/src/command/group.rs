//! A program with all that it has started: how it is waited for, told to stop and killed.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use occamy_core::TaskContext;
use rustix::process::{Pid, Signal, getpgid, kill_process, kill_process_group};
use tokio::process::Child;

use super::guard::Guard;
use super::priority::Priority;

/// A process group: its leader, which is the program itself, its guard, and whatever else the program has started.
///
/// When this is dropped the group is killed, unless it was [buried](Self::bury).
#[derive(Debug)]
pub(super) struct Group {
    id: Pid,
    leader: Child,
    guard: Guard,
    priority: Priority,
}

impl Group {
    pub(super) fn new(id: Pid, leader: Child, guard: Guard, priority: Priority) -> Self {
        priority.begin(id);
        Self { id, leader, guard, priority }
    }

    /// Resolves once the guard is on duty.
    pub(super) async fn guarded(&mut self) -> io::Result<()> {
        self.guard.ready().await
    }

    /// Waits until the program has ended. If its task is told to stop, it is so by SIGTERM, and after this much patience
    /// by SIGKILL. So is the rest of the group, but nobody waits for that.
    pub(super) async fn end(&mut self, cx: &TaskContext, patience: Duration) -> io::Result<ExitStatus> {
        tokio::select! {
            biased;
            status = self.leader.wait() => return status,
            _ = self.guard.ended() => {
                tracing::warn!("the guard of a program was killed, so what is left of its group is killed, too");
                self.kill();
                return self.leader.wait().await;
            }
            () = cx.stopped() => self.signal(Signal::TERM),
        }
        tokio::select! {
            biased;
            status = self.leader.wait() => return status,
            _ = self.guard.ended() => {}
            () = tokio::time::sleep(patience) => {}
        }
        self.kill();
        self.leader.wait().await
    }

    /// Kills whatever is in the group.
    pub(super) fn kill(&self) {
        self.priority.end();
        self.signal(Signal::KILL);
    }

    /// Waits for the end of the guard of a killed group whose program was waited for.
    pub(super) async fn bury(&mut self) {
        if let Err(error) = self.guard.ended().await {
            tracing::debug!(%error, "there was no waiting for a guard");
        }
    }

    fn signal(&self, signal: Signal) {
        // When both have been waited for, the id may be another group's.
        let ours = self.leader.id().is_some() || self.guard.holds_id();
        if ours && let Err(error) = kill_process_group(self.id, signal) {
            tracing::debug!(%error, ?signal, "a signal did not reach a group");
        }
        // The program itself may have left its group. It is our child, so its id is its own until it was waited for.
        if self.leader.id().is_some() && getpgid(Some(self.id)).is_ok_and(|group| group != self.id) {
            let _ = kill_process(self.id, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}
