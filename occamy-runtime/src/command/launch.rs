//! Starts a program, parked until its guard is ready.

use std::io;
use std::path::PathBuf;
use std::process::Stdio;

use occamy_core::{CommandTask, Error, ErrorKind, TaskContext};
use rustix::process::Pid;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::signal::unix::{SignalKind, signal};

use super::environment;
use super::group::Group;
use super::guard::Guard;
use super::priority::Priority;
use crate::caught::caught;

/// Reads one line, byte by byte, as POSIX has it for input that can't be rewound: so what follows is the program's. At the
/// end of input it ends.
const PARK: &str = "IFS= read -r _ || exit; ";

/// What the launcher becomes.
const START: &str = r#"exec "$@""#;

/// A program that starts when a newline is written to its input.
pub(super) struct Launched {
    pub(super) group: Group,
    pub(super) input: ChildStdin,
    pub(super) stdout: ChildStdout,
    pub(super) stderr: ChildStderr,
}

/// Sets everything up but starts nothing of the user's: that takes a newline.
pub(super) async fn launch(
    command: &CommandTask,
    cx: &TaskContext,
    priority: Priority,
) -> Result<Launched, Error> {
    let program = find(command)?;
    require_io()?;
    let mut launcher = Command::new("/bin/sh");
    launcher.arg("-c").arg(script(command)).arg("sh").arg(program).args(&command.args);
    launcher.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    if let Some(dir) = &command.current_dir {
        launcher.current_dir(dir);
    }
    environment::set(&mut launcher, command, cx);

    let mut leader = launcher.spawn().map_err(not_started)?;
    let input = leader.stdin.take().expect("it is piped");
    let stdout = leader.stdout.take().expect("it is piped");
    let stderr = leader.stderr.take().expect("it is piped");
    let id = id_of(&leader);
    // Without a guard the launcher finds its input at an end, and ends, too.
    let guard = Guard::spawn(id).map_err(not_started)?;
    let mut group = Group::new(id, leader, guard, priority);
    tokio::select! {
        biased;
        () = cx.stopped() => return Err(Error::interrupted()),
        ready = group.guarded() => ready.map_err(not_started)?,
    }
    Ok(Launched { group, input, stdout, stderr })
}

/// The program's full path. The launcher would find it too, but could not say so well that it didn't.
fn find(command: &CommandTask) -> Result<PathBuf, Error> {
    let invalid = |message| Error::new(ErrorKind::InvalidTask, message);
    let program = command.program.as_os_str();
    let here = std::env::current_dir()
        .map_err(|error| invalid("the server's directory can't be told".to_owned()).with_source(error))?;
    if let Some(dir) = command.current_dir.as_ref().filter(|dir| !dir.is_dir()) {
        return Err(invalid(format!("the program is to run in {dir:?}, which is no directory")));
    }
    which::which_in(program, std::env::var_os("PATH"), &here).map_err(|error| {
        let named = program.as_encoded_bytes().contains(&b'/');
        let message = if named && here.join(program).exists() {
            format!("{program:?} is no file that may be executed")
        } else if named {
            format!("there is no program {program:?}")
        } else {
            format!("there is no program {program:?} in the server's PATH")
        };
        invalid(message).with_source(error)
    })
}

/// Where the limit can't be had the program is not started.
fn script(command: &CommandTask) -> String {
    let limit = command.memory_limit.map_or_else(String::new, |bytes| {
        format!(
            "ulimit -v {} || {{ echo 'a memory limit of {bytes} bytes is refused' >&2; exit 126; }}; ",
            bytes / 1024
        )
    });
    [PARK, &limit, START].concat()
}

/// Tokio tells only by a panic whether it can wait for processes.
fn require_io() -> Result<(), Error> {
    let message = "command tasks need a tokio runtime with I/O: enable it with `enable_io` or `enable_all`";
    caught(ErrorKind::TaskNotAdded, || signal(SignalKind::child()).map(drop))
        .map_err(|_| Error::new(ErrorKind::TaskNotAdded, message))?
        .map_err(not_started)
}

fn id_of(child: &Child) -> Pid {
    let id = child.id().expect("it has not been waited for");
    Pid::from_raw(id.cast_signed()).expect("a process has a positive id")
}

/// No process, or not this one.
fn not_started(error: io::Error) -> Error {
    let (kind, message) = match error.kind() {
        io::ErrorKind::ArgumentListTooLong => (
            ErrorKind::InvalidTask,
            "arguments, headers and environment are more than the system takes: put what is large into the body"
                .to_owned(),
        ),
        io::ErrorKind::InvalidInput => {
            (ErrorKind::InvalidTask, "there is a NUL in an argument or in the environment".to_owned())
        }
        _ => (ErrorKind::TaskNotAdded, format!("the system gave no process to run the program in: {error}")),
    };
    Error::new(kind, message).with_source(error)
}
