//! What is run for a message.

use std::ffi::OsString;
use std::time::Duration;

use bytes::Bytes;
use occamy_core::transport::header;
use occamy_core::{BoxTask, CommandTask, Error, Handler, Headers, TaskContext, TaskDetails, handler_fn};

/// A program, and what is the same for each of its runs.
#[derive(Clone, Debug)]
pub(super) struct Commands {
    pub(super) program: OsString,
    pub(super) args: Vec<OsString>,
    pub(super) retry_status: i32,
    /// In bytes, for each process.
    pub(super) memory_limit: Option<u64>,
    pub(super) max_run: Option<Duration>,
    pub(super) assist: bool,
}

impl Commands {
    /// Runs the program for every message.
    pub(super) fn handler(self) -> impl Handler {
        handler_fn(move |headers, body| Ok(self.task(details(headers)?, headers, body)))
    }

    fn task(&self, mut details: TaskDetails, headers: &Headers, body: &Bytes) -> BoxTask {
        details.max_run = self.max_run;
        let mut command = CommandTask::new(&self.program)
            .args(&self.args)
            .details(details)
            .message(headers, body)
            .retry_status(self.retry_status)
            .on_control(ignore);
        command.memory_limit = self.memory_limit;
        if self.assist {
            let assistant = BoxTask::from(command.clone());
            command = command.on_expand(move |limit| vec![assistant.clone(); limit]);
        }
        command.into()
    }
}

/// Id and group, as the headers name them. A message without an id gets a fresh one.
fn details(headers: &Headers) -> Result<TaskDetails, Error> {
    let details = match headers.optional_string(header::TASK_ID)?.filter(|id| !id.is_empty()) {
        Some(id) => TaskDetails::new(id),
        None => TaskDetails::new(uuid::Uuid::new_v4().to_string()),
    };
    Ok(match headers.optional_string(header::GROUP)? {
        Some(group) => details.group(group),
        None => details,
    })
}

/// A program has no way to take a control message.
fn ignore(cx: &TaskContext, headers: &Headers, body: &Bytes) -> Result<(), Error> {
    let (headers, bytes) = (headers.len(), body.len());
    tracing::debug!(id = cx.id(), headers, bytes, "a control message came, which no program can take");
    Ok(())
}

#[cfg(test)]
mod tests {
    use occamy_core::{ErrorKind, TaskKind};

    use super::*;

    fn commands(assist: bool) -> Commands {
        let args = vec!["-c".into(), "exit".into()];
        let (retry_status, memory_limit, max_run) = (9, Some(1 << 30), Some(Duration::from_secs(60)));
        Commands { program: "sh".into(), args, retry_status, memory_limit, max_run, assist }
    }

    #[test]
    fn a_message_becomes_a_command() {
        let headers = Headers::new().with(header::TASK_ID, "a").with(header::GROUP, "g");
        let task = commands(false).handler().handle(&headers, &Bytes::from("text")).unwrap();
        let TaskKind::Command(command) = task.kind() else { panic!("{task:?}") };
        assert_eq!((command.program.to_str(), command.args.len()), (Some("sh"), 2));
        assert_eq!((command.headers.clone(), &*command.body), (headers, &b"text"[..]));
        assert_eq!((command.retry_status, command.memory_limit), (Some(9), Some(1 << 30)));
        let expected = TaskDetails::new("a").group("g").max_run(Duration::from_secs(60));
        assert_eq!(task.details(), expected);
        assert!(task.expand(3).is_empty());
    }

    #[test]
    fn an_assistant_is_the_same_command_and_has_none_itself() {
        let headers = Headers::new().with(header::TASK_ID, "a");
        let task = commands(true).handler().handle(&headers, &Bytes::from("text")).unwrap();
        let assistants = task.expand(3);
        assert_eq!(assistants.len(), 3);
        for assistant in &assistants {
            assert_eq!(assistant.details(), task.details());
            assert!(assistant.expand(3).is_empty());
        }
    }

    #[test]
    fn messages_without_an_id_get_fresh_ones() {
        let handler = commands(false).handler();
        let id = || handler.handle(&Headers::new(), &Bytes::new()).unwrap().details().id;
        let (one, other) = (id(), id());
        assert_ne!(one, other);
        assert!(uuid::Uuid::parse_str(&one).is_ok());
    }

    #[test]
    fn ids_and_groups_of_other_types_are_errors() {
        let handler = commands(false).handler();
        for headers in [Headers::new().with(header::TASK_ID, 7), Headers::new().with(header::GROUP, true)] {
            let error = handler.handle(&headers, &Bytes::new()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidHeaders);
        }
    }
}
