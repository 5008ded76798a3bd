//! Ctrl-C and its like: what a command runs is ended first, then the command cleans up after itself.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

static ASKED: AtomicBool = AtomicBool::new(false);

/// The process groups that [`run`] waits for.
static RUNNING: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

/// How many of [`Watch`] there are.
static WATCHES: AtomicUsize = AtomicUsize::new(0);

/// As long as it lives, a signal that would end this process ends what it runs instead; a second one does it by force.
pub(crate) struct Watch(());

pub(crate) fn watch() -> Result<Watch> {
    static THREAD: Mutex<bool> = Mutex::new(false);

    WATCHES.fetch_add(1, Ordering::SeqCst);
    let watch = Watch(());
    let mut started = THREAD.lock().unwrap_or_else(PoisonError::into_inner);
    if !*started {
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).context("watch for signals")?;
        std::thread::spawn(move || {
            for signal in &mut signals {
                heard(signal);
            }
        });
        *started = true;
    }
    Ok(watch)
}

impl Drop for Watch {
    fn drop(&mut self) {
        WATCHES.fetch_sub(1, Ordering::SeqCst);
    }
}

fn heard(signal: i32) {
    let again = ASKED.swap(true, Ordering::SeqCst);
    if WATCHES.load(Ordering::SeqCst) > 0 {
        tell(if again { Signal::KILL } else { Signal::TERM });
    } else {
        // Ends this process, as if nobody had ever listened: it does so for all three.
        let _ = emulate_default_handler(signal);
    }
}

/// Whether this command was told to end.
pub(crate) fn was_asked() -> bool {
    ASKED.load(Ordering::SeqCst)
}

fn tell(signal: Signal) {
    for &group in RUNNING.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        // An error says that it has ended.
        let _ = kill_process_group(group, signal);
    }
}

/// Runs a command to its end, in a process group of its own, so that all of it can be ended.
pub(crate) fn run(command: &mut Command) -> Result<ExitStatus> {
    follow(command, |_| ())
}

/// The same, with a look at the child once it runs, for reading what it writes.
pub(crate) fn follow(
    command: &mut Command,
    look: impl FnOnce(&mut std::process::Child),
) -> Result<ExitStatus> {
    if was_asked() {
        bail!("interrupted");
    }
    let program = command.get_program().display().to_string();
    let mut child = command.process_group(0).spawn().with_context(|| format!("run {program}"))?;
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw).context("the number of a process")?;
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner).push(group);
    if was_asked() {
        tell(Signal::TERM);
    }
    look(&mut child);
    let status = child.wait();
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner).retain(|&running| running != group);
    if was_asked() {
        bail!("interrupted");
    }
    status.with_context(|| format!("wait for {program}"))
}
