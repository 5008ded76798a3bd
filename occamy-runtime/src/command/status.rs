//! From exit status to outcome.

use std::process::ExitStatus;

use occamy_core::{CommandTask, Error, ErrorKind};

/// What the end of a program means for its task. `said` is the end of what it wrote to stderr.
pub(super) fn outcome(
    command: &CommandTask,
    status: ExitStatus,
    stopped: bool,
    said: &str,
) -> Result<(), Error> {
    if status.success() {
        return Ok(());
    }
    if stopped {
        return Err(Error::interrupted());
    }
    let mut message = match status.code() {
        Some(code) => format!("the program exited with status {code}"),
        // "signal: 9 (SIGKILL)", as the standard library has it.
        None => format!("the program was killed by {}", status.to_string().replacen(':', "", 1)),
    };
    if let Some(limit) = command.memory_limit.filter(|_| status.code().is_none()) {
        message.push_str(&format!(", perhaps for want of memory: its limit is {limit} bytes"));
    }
    if !said.is_empty() {
        message.push_str(": ");
        message.push_str(said);
    }
    let error = Error::new(ErrorKind::UnknownTask, message);
    let retry = status.code().is_some() && status.code() == command.retry_status;
    Err(if retry { error.retryable() } else { error })
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn exited(code: i32) -> ExitStatus {
        ExitStatus::from_raw(code << 8)
    }

    fn killed(signal: i32) -> ExitStatus {
        ExitStatus::from_raw(signal)
    }

    #[test]
    fn zero_is_done_whether_stopped_or_not() {
        for stopped in [false, true] {
            assert_eq!(outcome(&CommandTask::new("p"), exited(0), stopped, "said"), Ok(()));
        }
    }

    #[test]
    fn everything_else_is_an_interruption_after_a_stop() {
        for status in [exited(1), exited(75), exited(143), killed(15), killed(9)] {
            assert_eq!(outcome(&CommandTask::new("p"), status, true, "said"), Err(Error::interrupted()));
        }
    }

    #[test]
    fn a_failure_says_what_the_program_said() {
        let failed = |status, said| outcome(&CommandTask::new("p"), status, false, said).unwrap_err();
        let error = failed(exited(3), "no such file");
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::UnknownTask, false));
        assert_eq!(error.message(), "the program exited with status 3: no such file");
        assert_eq!(failed(exited(1), "").message(), "the program exited with status 1");
        assert_eq!(failed(killed(9), "").message(), "the program was killed by signal 9 (SIGKILL)");
    }

    #[test]
    fn a_signal_may_be_the_doing_of_the_memory_limit() {
        let command = CommandTask::new("p").memory_limit(1000);
        let message = |status| outcome(&command, status, false, "said").unwrap_err().message().to_owned();
        assert_eq!(
            message(killed(11)),
            "the program was killed by signal 11 (SIGSEGV), perhaps for want of memory: its limit is 1000 bytes: said"
        );
        assert_eq!(message(exited(1)), "the program exited with status 1: said");
    }

    #[test]
    fn only_the_retry_status_is_tried_again() {
        let retried =
            |command: &CommandTask, status| outcome(command, status, false, "").unwrap_err().is_retryable();
        let (usual, other, none) = (
            CommandTask::new("p"),
            CommandTask::new("p").retry_status(3),
            CommandTask::new("p").retry_status(None),
        );
        assert!(retried(&usual, exited(75)) && retried(&other, exited(3)));
        assert!(!retried(&usual, exited(3)) && !retried(&other, exited(75)));
        assert!(!retried(&none, exited(75)) && !retried(&none, killed(9)) && !retried(&usual, killed(9)));
    }
}
