//! Any program as a task: what to run, and what to make of it.

mod output;

pub use output::{OutputLine, OutputStream};

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;

use super::{BoxTask, TaskDetails};
use crate::{Error, Headers, TaskContext};

type OutputFn = dyn Fn(&TaskContext, OutputLine<'_>) + Send + Sync;
type ExpandFn = dyn Fn(usize) -> Vec<BoxTask> + Send + Sync;
type ControlFn = dyn Fn(&TaskContext, &Headers, &Bytes) -> Result<(), Error> + Send + Sync;

/// A program as a task: it can be stopped whatever it does, since a process can be killed.
///
/// This describes what to run; the runtime runs it, in a process group of its own. There is no shell between: arguments
/// arrive as they are given here. `.into()` makes a [`BoxTask`] of it. A handler that runs a program on each message:
///
/// ```
/// use bytes::Bytes;
/// use occamy_core::{BoxTask, CommandTask, Error, Headers, TaskDetails};
///
/// fn handler(headers: &Headers, body: &Bytes) -> Result<BoxTask, Error> {
///     let details = TaskDetails::new(headers.string("task-id")?).group("render");
///     let render = CommandTask::new("render").arg("--width=1920").details(details).message(headers, body);
///     Ok(render.memory_limit(4 << 30).into())
/// }
/// # let task = handler(&Headers::new().with("task-id", "a"), &Bytes::new())?;
/// # assert_eq!(&*task.details().id, "a");
/// # Ok::<(), Error>(())
/// ```
///
/// # What the program gets
///
/// The body of the [message](Self::message) on its standard input, and in its environment, beside what the server itself
/// has:
///
/// | variable | value |
/// | --- | --- |
/// | `OCCAMY_TASK_ID`, `OCCAMY_GROUP` | see [`TaskDetails`] |
/// | `OCCAMY_STATUS` | `protected`, `unprotected_internal` or `unprotected_external` |
/// | `OCCAMY_ATTEMPT` | which attempt at its request this is: 1 the first time |
/// | `OCCAMY_SLOT` | the number of the slot it was started in, from 0 |
/// | `TRACEPARENT`, `TRACESTATE` | the task's [place in a trace](crate::TaskContext::trace_context), if it has one: tracing systems look for it there |
/// | `OCCAMY_HEADER_<NAME>` | a header of the message; the name in capitals, all but ASCII letters and digits as `_` |
///
/// Header values go as text: strings and bytes as they are, numbers and truth values as they are printed, null as the
/// empty string, lists and tables in the notation of [`transport::text`](crate::transport::text). Of two headers that
/// come to the same variable the first counts. A value with a NUL can't be a variable, and is left out.
///
/// # How it ends
///
/// | the program | the task |
/// | --- | --- |
/// | exits with 0 | has completed, stopped or not |
/// | exits with the [retry status](Self::retry_status) | failed, and is tried again later |
/// | exits with another status, or is killed by a signal | failed for good; the error has the end of what it wrote to stderr |
/// | can't be found, or may not be executed | failed for good, with [`ErrorKind::InvalidTask`](crate::ErrorKind::InvalidTask) |
///
/// A stop is a SIGTERM to its process group. If that doesn't end it in time, before the server's kill timeout is over, a
/// SIGKILL does. When the program has ended, what is left of its group is killed, too; and so is the whole group if the
/// server ends, in whichever way. A process that the program has started and that leaves the group is on its own; and a
/// group that is suspended (SIGSTOP) when its server is killed may stay until it goes on.
#[derive(Clone)]
#[non_exhaustive]
pub struct CommandTask {
    /// The program, which is given its full path as its own name. A name without a slash is looked up in the server's
    /// `PATH`, a relative path from the server's directory.
    pub program: OsString,
    /// Its arguments, without its own name.
    pub args: Vec<OsString>,
    /// Variables of its environment. They take the place of those of the table [above](Self), and of the server's own.
    /// A name is best made of ASCII letters, digits and underscores: others may get lost, since the runtime starts
    /// programs through a shell.
    pub env: Vec<(OsString, OsString)>,
    /// True to keep the server's own environment from it, all but `PWD`. False by default.
    pub clear_env: bool,
    /// Where it runs. `None`, the default, is where the server runs.
    pub current_dir: Option<PathBuf>,
    /// What the server needs to know of the task.
    pub details: TaskDetails,
    /// The headers of its message, which go into its environment. None by default.
    pub headers: Headers,
    /// What it reads from its standard input. Empty by default.
    pub body: Bytes,
    /// The exit status, other than 0, by which it says that it failed and may succeed later. By default
    /// [`DEFAULT_RETRY_STATUS`](Self::DEFAULT_RETRY_STATUS); with `None` every failure is for good.
    pub retry_status: Option<i32>,
    /// How many bytes of address space each of its processes may have (`RLIMIT_AS`), rounded down to KiB. That counts
    /// what is mapped, which may be far more than what is used. A program over the limit finds that it gets no more
    /// memory, and mostly fails; nobody else notices. `None`, the default, leaves the limit of the server.
    pub memory_limit: Option<u64>,
    output: Option<Arc<OutputFn>>,
    expand: Option<Arc<ExpandFn>>,
    control: Option<Arc<ControlFn>>,
}

impl CommandTask {
    /// The exit status that means "try again later", unless another is set: `EX_TEMPFAIL` of BSD's `sysexits.h`.
    pub const DEFAULT_RETRY_STATUS: i32 = 75;

    /// A task that runs this [`program`](Self::program), without arguments and input.
    pub fn new(program: impl Into<OsString>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            clear_env: false,
            current_dir: None,
            details: TaskDetails::default(),
            headers: Headers::new(),
            body: Bytes::new(),
            retry_status: Some(Self::DEFAULT_RETRY_STATUS),
            memory_limit: None,
            output: None,
            expand: None,
            control: None,
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Adds a variable to the [`env`](Self::env). Of two with one name the last counts.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Keeps the server's own environment from the program: see [`clear_env`](Self::clear_env). What [`env`](Self::env)
    /// sets stays.
    #[must_use]
    pub fn clear_env(mut self) -> Self {
        self.clear_env = true;
        self
    }

    /// Sets the [`current_dir`](Self::current_dir).
    #[must_use]
    pub fn current_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.current_dir = Some(dir.into());
        self
    }

    /// Sets the [`details`](Self::details).
    #[must_use]
    pub fn details(mut self, details: TaskDetails) -> Self {
        self.details = details;
        self
    }

    /// Sets [`headers`](Self::headers) and [`body`](Self::body) to those of the message that the program is to work on.
    #[must_use]
    pub fn message(mut self, headers: &Headers, body: &Bytes) -> Self {
        self.headers = headers.clone();
        self.body = body.clone();
        self
    }

    /// Sets the [`retry_status`](Self::retry_status): a number, or `None`.
    #[must_use]
    pub fn retry_status(mut self, status: impl Into<Option<i32>>) -> Self {
        self.retry_status = status.into();
        self
    }

    /// Sets the [`memory_limit`](Self::memory_limit) in bytes.
    #[must_use]
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.memory_limit = Some(bytes);
        self
    }

    /// Has this called with each line that the program writes to stdout and stderr. Without it, the lines are logged.
    ///
    /// Called on a thread that serves futures, in the order of each stream: it must not compute for more than a
    /// millisecond or block. While it runs the program can't write on. A panic makes the task fail, and ends the program.
    #[must_use]
    pub fn on_output(mut self, hook: impl Fn(&TaskContext, OutputLine<'_>) + Send + Sync + 'static) -> Self {
        self.output = Some(Arc::new(hook));
        self
    }

    /// Has this called to create assistants, as [`Task::expand`](crate::Task::expand): commands, or tasks of any kind.
    #[must_use]
    pub fn on_expand(mut self, hook: impl Fn(usize) -> Vec<BoxTask> + Send + Sync + 'static) -> Self {
        self.expand = Some(Arc::new(hook));
        self
    }

    /// Has this called with each control message for this task, as [`Task::handle`](crate::Task::handle).
    #[must_use]
    pub fn on_control(
        mut self,
        hook: impl Fn(&TaskContext, &Headers, &Bytes) -> Result<(), Error> + Send + Sync + 'static,
    ) -> Self {
        self.control = Some(Arc::new(hook));
        self
    }

    /// What was set by [`on_output`](Self::on_output), for who runs the command.
    pub fn output_hook(&self) -> Option<&OutputFn> {
        self.output.as_deref()
    }

    pub(super) fn expand(&self, limit: usize) -> Vec<BoxTask> {
        self.expand.as_ref().map_or_else(Vec::new, |expand| expand(limit))
    }

    pub(super) fn handle(&self, cx: &TaskContext, headers: &Headers, body: &Bytes) -> Result<(), Error> {
        self.control.as_ref().map_or(Ok(()), |control| control(cx, headers, body))
    }
}

/// The program and the number of its arguments. Arguments, environment, headers and body may hold secrets.
impl fmt::Debug for CommandTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandTask")
            .field("program", &self.program)
            .field("args", &self.args.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
