//! The process that kills a program's group when the server is gone.

use std::io;
use std::process::{ExitStatus, Stdio};

use rustix::process::Pid;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStdin, Command};

/// Deaf to every signal that can be ignored, it says that it is ready, and waits for its input to end. Nobody writes to it.
const SCRIPT: &str = "\
    i=1; while [ $i -le 64 ]; do trap '' $i; i=$((i + 1)); done; \
    echo; read -r _; kill -KILL 0";

/// A member of a program's group that kills it when the server is gone, whichever way that went.
#[derive(Debug)]
pub(super) struct Guard {
    process: Child,
    /// Nobody else holds it: what the server opens is closed in every process that it starts. So the system closes it
    /// with the server.
    _lifeline: ChildStdin,
}

impl Guard {
    /// Starts the guard of a group. To be waited for until it is [ready](Self::ready).
    pub(super) fn spawn(group: Pid) -> io::Result<Self> {
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(SCRIPT).env_clear().current_dir("/").process_group(group.as_raw_pid());
        // None of the program's pipes: whoever reads those waits for every process that has one.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn()?;
        let lifeline = process.stdin.take().expect("it is piped");
        Ok(Self { process, _lifeline: lifeline })
    }

    /// Resolves once nothing but SIGKILL and SIGSTOP can keep it from its duty.
    pub(super) async fn ready(&mut self) -> io::Result<()> {
        let mut stdout = self.process.stdout.take().expect("it is piped, and waited for once");
        stdout.read_u8().await.map(drop)
    }

    /// Resolves when it has ended. Cancel safe.
    pub(super) async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.process.wait().await
    }

    /// False once it was waited for.
    pub(super) fn holds_id(&self) -> bool {
        self.process.id().is_some()
    }
}
