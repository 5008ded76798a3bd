use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::context::tests::TestHost;
use crate::{ErrorKind, TaskKind};

#[test]
fn a_command_has_the_documented_defaults() {
    let command = CommandTask::new("solve");
    assert_eq!((command.program.to_str(), command.args.len(), command.env.len()), (Some("solve"), 0, 0));
    assert_eq!((command.clear_env, &command.current_dir), (false, &None));
    assert_eq!((command.details.clone(), command.headers.len()), (TaskDetails::default(), 0));
    assert_eq!((command.body.len(), command.retry_status, command.memory_limit), (0, Some(75), None));
    let task = BoxTask::from(command);
    let (cx, _) = TestHost::context();
    assert!(task.expand(8).is_empty());
    assert_eq!(task.handle(&cx, &Headers::new(), &Bytes::new()), Ok(()));
}

#[test]
fn a_command_says_what_to_run() {
    let headers = Headers::new().with("vehicles", 3);
    let command = CommandTask::new("solve")
        .arg("-n")
        .args(["a b", ""])
        .env("LEVEL", "1")
        .clear_env()
        .current_dir("/tmp")
        .details(TaskDetails::new("a"))
        .message(&headers, &Bytes::from("body"))
        .retry_status(2)
        .memory_limit(1 << 20);
    assert_eq!(command.args, ["-n", "a b", ""]);
    assert_eq!(command.env, [("LEVEL".into(), "1".into())]);
    assert_eq!((command.clear_env, command.current_dir.as_deref()), (true, Some("/tmp".as_ref())));
    assert_eq!((&command.headers, &*command.body), (&headers, &b"body"[..]));
    assert_eq!((command.retry_status, command.memory_limit), (Some(2), Some(1 << 20)));
    assert_eq!(command.clone().retry_status(None).retry_status, None);
    assert_eq!(&*BoxTask::from(command).details().id, "a");
}

#[test]
fn a_boxed_command_calls_its_hooks() {
    let lines = Arc::new(AtomicUsize::new(0));
    let command = CommandTask::new("solve")
        .on_expand(|limit| (0..limit).map(|_| CommandTask::new("assist").into()).collect())
        .on_control(|_, headers, _| headers.string("word").map(drop))
        .on_output({
            let lines = Arc::clone(&lines);
            move |cx, line| {
                assert_eq!((cx.id(), &*line.text(), line.cut), ("a", "h\u{fffd}", false));
                lines.fetch_add(1, Ordering::Relaxed);
            }
        });
    let task = BoxTask::from(command);
    let (cx, _) = TestHost::context();
    assert_eq!(task.expand(3).len(), 3);
    assert_eq!(task.handle(&cx, &Headers::new().with("word", "go"), &Bytes::new()), Ok(()));
    let error = task.handle(&cx, &Headers::new(), &Bytes::new()).expect_err("there is no word");
    assert_eq!(error.kind(), ErrorKind::InvalidHeaders);
    let TaskKind::Command(command) = task.kind() else { panic!("it is a command") };
    let hook = command.output_hook().expect("it was set");
    hook(&cx, OutputLine::new(OutputStream::Stdout, b"h\xff", false));
    assert_eq!(lines.load(Ordering::Relaxed), 1);
}

#[test]
fn no_secret_is_printed() {
    let command = CommandTask::new("solve")
        .arg("--password=hunter2")
        .env("TOKEN", "hunter2")
        .message(&Headers::new().with("token", "hunter2"), &Bytes::from("hunter2"));
    assert_eq!(format!("{command:?}"), r#"CommandTask { program: "solve", args: 1, .. }"#);
    assert_eq!(format!("{:?}", BoxTask::from(command)), "BoxTask(Command)");
}
