//! A server on lines of JSON, with tasks that are over as soon as they begin.

use std::io::{self, Cursor};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use occamy_core::{BoxTask, Error, ErrorKind, Handler, Task, TaskContext, TaskDetails, handler_fn};
use occamy_runtime::Server;
use serde_json::{Value, json};

use super::super::connection::End;
use super::*;

/// Fails as its body says.
struct Act(String);

impl Task for Act {
    fn details(&self) -> TaskDetails {
        TaskDetails::default()
    }

    fn run(&self, cx: &TaskContext) -> Result<(), Error> {
        match self.0.as_str() {
            "fail" => Err(Error::new(ErrorKind::InvalidTask, "told to")),
            "retry" => Err(Error::new(ErrorKind::UnknownTask, "once more").retry_after(Duration::ZERO)),
            "twice" if cx.attempt() == 1 => Err(Error::interrupted()),
            _ => Ok(()),
        }
    }
}

fn handler() -> impl Handler {
    handler_fn(|headers, body| {
        assert!(!headers.contains("line"), "the number of the line is nobody's business");
        Ok(BoxTask::from(Act(String::from_utf8_lossy(body).into_owned())))
    })
}

/// What was written.
#[derive(Clone, Default)]
struct Output(Arc<Mutex<Vec<u8>>>);

impl Output {
    fn lines(&self) -> usize {
        self.0.lock().unwrap().iter().filter(|&&byte| byte == b'\n').count()
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Serves these lines. Returns the settlements, ordered by line and attempt.
async fn serve(input: String) -> (Vec<Value>, End) {
    let output = Output::default();
    let Connection { transport, monitor, end, .. } =
        connect("test", Cursor::new(input), output.clone()).unwrap();
    let builder = Server::builder(handler()).slots(2).max_attempts(3).retry_delay(Duration::ZERO);
    let server = builder.monitor(monitor).build().unwrap();
    let serving = tokio::spawn(server.serve(transport).into_future());
    let end = end.await;
    assert!(server.shutdown(Duration::ZERO).await.is_clean());
    serving.await.unwrap().unwrap();
    let written = String::from_utf8(output.0.lock().unwrap().clone()).unwrap();
    assert!(written.is_empty() || written.ends_with('\n'));
    let mut settlements: Vec<Value> =
        written.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // The sort is stable: of one line the settlements stay in the order in which they were written.
    settlements.sort_by_key(|settlement| settlement["line"].as_u64());
    (settlements, end)
}

#[tokio::test]
async fn every_settlement_is_a_line() {
    let input = [
        r#"{"headers": {"task-id": "a"}, "body": "work"}"#,
        r#"{"headers": {"task-id": "b"}, "body": "fail"}"#,
        r#"{"headers": {"task-id": "c"}, "body": "retry"}"#,
        r#"{"headers": {"task-id": "d"}, "body": "twice"}"#,
        r#"{"headers": {"task-id": "a"}, "kind": "control"}"#,
        r#"{"kind": "control"}"#,
        r#"{"headers": {"task-id": 7}, "kind": "control"}"#,
    ];
    let (settlements, end) = serve(input.join("\n")).await;
    assert!(matches!(end, End::Settled { bad_input: false }), "{end:?}");
    let line = |line: u64, id: Value, verdict: &str, kind: Value, reason: Value, attempt: u32| {
        let message = if line > 4 { "control" } else { "request" };
        json!({
            "line": line, "message": message, "task-id": id, "verdict": verdict, "kind": kind, "reason": reason,
            "attempt": attempt,
        })
    };
    let gave_up = "the task gave up without having been told to stop";
    let seven = r#"header "task-id": expected a string, found an integer"#;
    assert_eq!(
        settlements,
        [
            line(1, "a".into(), "done", Value::Null, Value::Null, 1),
            line(2, "b".into(), "failed", "invalid_task".into(), "told to".into(), 1),
            line(3, "c".into(), "retry", "unknown_task_error".into(), "once more".into(), 1),
            line(3, "c".into(), "retry", "unknown_task_error".into(), "once more".into(), 2),
            line(3, "c".into(), "failed", "unknown_task_error".into(), "once more".into(), 3),
            line(4, "d".into(), "retry", "task_interrupted".into(), gave_up.into(), 1),
            line(4, "d".into(), "done", Value::Null, Value::Null, 2),
            line(5, "a".into(), "done", Value::Null, Value::Null, 1),
            line(6, Value::Null, "done", Value::Null, Value::Null, 1),
            line(7, Value::Null, "failed", "invalid_headers".into(), seven.into(), 1),
        ]
    );
}

#[tokio::test]
async fn bad_lines_lose_nothing_else_and_blank_ones_are_none() {
    let (settlements, end) = serve("\n{}\nnonsense\n \r\n{\"x\": 1}\n{}".into()).await;
    assert!(matches!(end, End::Settled { bad_input: true }), "{end:?}");
    let lines: Vec<_> = settlements.iter().map(|settlement| &settlement["line"]).collect();
    assert_eq!(lines, [2, 6]);
    assert_ne!(settlements[0]["task-id"], settlements[1]["task-id"], "each has an id of its own");
}

#[tokio::test]
async fn no_input_is_soon_done() {
    let (settlements, end) = serve(String::new()).await;
    assert!(settlements.is_empty() && matches!(end, End::Settled { bad_input: false }));
}

/// More than may be unsettled at a time, some of it again and again.
#[tokio::test(flavor = "multi_thread")]
async fn more_lines_than_are_held_are_all_settled_in_their_order() {
    let count = ledger::MAX_MESSAGES + 1000;
    let bodies = ["retry", "work", "twice"];
    let input = (0..count).map(|n| format!("{{\"body\": \"{}\"}}\n", bodies[n % bodies.len()]));
    let (settlements, _) = serve(input.collect()).await;
    let mut settlements = settlements.iter().peekable();
    for number in 1..=count {
        let attempts = [3, 1, 2][(number - 1) % 3];
        let mut id = None;
        for attempt in 1..=attempts {
            let settlement = settlements.next().unwrap();
            assert_eq!((&settlement["line"], &settlement["attempt"]), (&json!(number), &json!(attempt)));
            assert_eq!(*id.get_or_insert(&settlement["task-id"]), &settlement["task-id"], "the id stays");
        }
    }
    assert_eq!(settlements.next(), None);
}

#[tokio::test]
async fn offers_are_waited_for() {
    /// Ends only after both offers were settled.
    struct Late {
        output: Output,
        ended: Arc<AtomicUsize>,
    }

    impl Task for Late {
        fn details(&self) -> TaskDetails {
            TaskDetails::default()
        }

        fn run(&self, cx: &TaskContext) -> Result<(), Error> {
            while self.output.lines() < 2 {
                cx.wait_stopped(Duration::from_millis(1));
                cx.check()?;
            }
            self.ended.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
    }

    let (output, ended) = (Output::default(), Arc::new(AtomicUsize::new(0)));
    let input = Cursor::new("{\"kind\": \"control\"}\n{\"kind\": \"control\"}\n");
    let Connection { transport, monitor, end, .. } = connect("test", input, output.clone()).unwrap();
    let handler = {
        let ended = Arc::clone(&ended);
        handler_fn(move |_, _| Ok(Late { output: output.clone(), ended: Arc::clone(&ended) }.into()))
    };
    let server = Server::builder(handler).slots(1).monitor(monitor).build().unwrap();
    let serving = tokio::spawn(server.serve(transport).into_future());
    end.await;
    assert_eq!(ended.load(Ordering::Relaxed), 2);
    server.shutdown(Duration::ZERO).await;
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_output_that_fails_is_the_end() {
    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    // The input never ends.
    let (input, more) = io::pipe().unwrap();
    (&more).write_all(b"{}\n").unwrap();
    let Connection { transport, monitor, end, .. } =
        connect("test", io::BufReader::new(input), Closed).unwrap();
    let server = Server::builder(handler()).slots(1).monitor(monitor).build().unwrap();
    let serving = tokio::spawn(server.serve(transport).into_future());
    let end = end.await;
    assert!(matches!(&end, End::OutputFailed(error) if error.kind() == io::ErrorKind::BrokenPipe), "{end:?}");
    server.shutdown(Duration::ZERO).await;
    serving.await.unwrap().unwrap();
    drop(more);
}
