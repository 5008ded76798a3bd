//! `worker` at a broker to which anybody sends.

use std::process::Command;

use occamy_core::Headers;
use occamy_core::transport::header;

use crate::process::Process;
use crate::service::Service;

at_each_broker!(
    programs_run_for_requests_of_others_until_a_signal,
    what_is_handed_back_at_a_signal_is_there_for_another_worker,
    programs_find_the_trace_of_their_request,
    dead_letters_become_requests_again_by_id_and_by_count,
    dead_letters_that_fail_again_are_replayed_once,
);

async fn programs_run_for_requests_of_others_until_a_signal(service: &Service) {
    let program = r#"echo "ran $OCCAMY_TASK_ID: $(cat)"; [ "$OCCAMY_TASK_ID" = good ]"#;
    let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
    command.args(["--broker", &service.url, "--service", &service.name, "--slots", "1"]);
    command.args(["--grace", "0s", "--", "sh", "-c", program]).env_remove("RUST_LOG");
    let worker = Process::start(&mut command);

    let headers = |id: &str| Headers::new().with(header::TASK_ID, id).with("zoom", 3);
    service.request(headers("good"), "a llama").await;
    service.request(headers("bad"), "a duck").await;
    worker.stderr().line("ran good: a llama");
    worker.stderr().line("ran bad: a duck");

    let letter = service.dead_letter().await;
    assert_eq!(letter.body, "a duck");
    assert!(letter.headers[header::REASON].contains("exited with status 1"), "{letter:?}");
    assert_eq!(letter.headers[header::KIND], "unknown_task_error");
    worker.stderr().line("outcome=failed");

    worker.signal("TERM");
    let (status, stderr) = worker.wait();
    assert_eq!(status.code(), Some(0), "{stderr}");
    service.until_requests(0).await;
}

async fn what_is_handed_back_at_a_signal_is_there_for_another_worker(service: &Service) {
    let worker = |program: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
        command.args(["--broker", &service.url, "--service", &service.name, "--slots", "1"]);
        command.args(["--grace", "0s", "--", "sh", "-c", program]).env_remove("RUST_LOG");
        Process::start(&mut command)
    };
    let first = worker("echo ran once; exec sleep 1000");
    service.request(Headers::new().with(header::TASK_ID, "a"), "").await;
    first.stderr().line("ran once");
    first.signal("TERM");
    let (status, stderr) = first.wait();
    assert_eq!(status.code(), Some(0), "{stderr}");
    let second = worker("echo ran again");
    second.stderr().line("ran again");
    second.stderr().line("outcome=completed");
    second.signal("INT");
    assert_eq!(second.wait().0.code(), Some(0));
    service.until_requests(0).await;
}

async fn programs_find_the_trace_of_their_request(service: &Service) {
    let (parent, state) = ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "a=1,b=2");
    let worker = worker(service, r#"echo "trace ${TRACEPARENT-none} ${TRACESTATE-none}""#);
    for (sent, found) in [(parent, format!("trace {parent} {state}")), ("nonsense", "trace none none".into())]
    {
        let headers = Headers::new().with(header::TRACEPARENT, sent).with(header::TRACESTATE, state);
        service.request(headers, "").await;
        worker.stderr().line(&found);
    }
    worker.signal("TERM");
    assert_eq!(worker.wait().0.code(), Some(0));
}

/// Replays, and returns the exit status and what it says.
fn replay(service: &Service, which: &str) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
    command.args(["--broker", &service.url, "--service", &service.name, "--replay-dead", which]);
    let output = command.env_remove("RUST_LOG").output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// What is told of a dead letter.
fn told(id: &str, reason: &str) -> String {
    let (kind, attempt) = ("unknown_task_error", 1);
    format!("{{\"replayed\":\"{id}\",\"kind\":\"{kind}\",\"reason\":\"{reason}\",\"attempt\":{attempt}}}\n")
}

fn worker(service: &Service, program: &str) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
    command.args(["--broker", &service.url, "--service", &service.name, "--slots", "1"]);
    command.args(["--grace", "0s", "--", "sh", "-c", program]).env_remove("RUST_LOG");
    Process::start(&mut command)
}

const FAILED: &str = "the program exited with status 1";

async fn dead_letters_become_requests_again_by_id_and_by_count(service: &Service) {
    let fails = worker(service, "exit 1");
    let letters =
        [(header::TASK_ID, "a"), (header::TASK_ID, "b"), (header::REQUEST_ID, "c"), (header::TASK_ID, "d")];
    // One after the other, so that it is known which is the oldest.
    for (number, (name, id)) in (1..).zip(letters) {
        let headers = Headers::new().with(name, id).with("zoom", 3);
        service.request(headers, &format!("body of {id}")).await;
        fails.stderr().nth_line(number, "outcome=failed");
    }
    service.until_requests(0).await;
    fails.signal("TERM");
    assert_eq!(fails.wait().0.code(), Some(0));

    let (status, output, complaints) = replay(service, "id:nobody");
    assert_eq!((status, &*output), (Some(1), ""), "{complaints}");
    assert!(complaints.contains("nobody"), "{complaints}");
    // Out of their order, and the second by the id of its request.
    for id in ["b", "c"] {
        let (status, output, complaints) = replay(service, &format!("id:{id}"));
        assert_eq!((status, output), (Some(0), told(id, FAILED)), "{complaints}");
    }
    // What is replayed is gone.
    assert_eq!(replay(service, "id:b").0, Some(1));

    let program =
        r#"echo "$(cat), zoom $OCCAMY_HEADER_ZOOM, $OCCAMY_ATTEMPT, $(env | grep -ci header_occamy)""#;
    let succeeds = worker(service, program);
    for id in ["b", "c"] {
        succeeds.stderr().line(&format!("body of {id}, zoom 3, 1, 0"));
    }
    let (status, output, complaints) = replay(service, "1");
    assert_eq!((status, output), (Some(0), told("a", FAILED)), "{complaints}");
    succeeds.stderr().line("body of a, zoom 3, 1, 0");
    let (status, output, complaints) = replay(service, "all");
    assert_eq!((status, output), (Some(0), told("d", FAILED)), "{complaints}");
    succeeds.stderr().line("body of d, zoom 3, 1, 0");
    // There are no others, and none comes twice.
    assert_eq!(replay(service, "5").1, "");
    service.until_requests(0).await;
    succeeds.signal("TERM");
    let (_, stderr) = succeeds.wait();
    assert_eq!(stderr.matches("outcome=completed").count(), 4, "{stderr}");
}

/// They are dead letters once more, and those are left alone: it would never end.
async fn dead_letters_that_fail_again_are_replayed_once(service: &Service) {
    for id in ["a", "b"] {
        service.request(Headers::new().with(header::TASK_ID, id), "").await;
    }
    for round in 0..3 {
        let fails = worker(service, "exit 1");
        if round > 0 {
            let (status, output, complaints) = replay(service, "all");
            assert_eq!((status, output.lines().count()), (Some(0), 2), "{output}{complaints}");
        }
        fails.stderr().nth_line(2, "outcome=failed");
        fails.signal("TERM");
        let (status, stderr) = fails.wait();
        assert_eq!(status.code(), Some(0), "{stderr}");
        assert_eq!(stderr.matches("outcome=failed").count(), 2, "{stderr}");
    }
}

#[test]
fn a_broker_that_is_not_there_is_an_error_without_its_password() {
    // Nothing listens at port 1.
    for scheme in ["nats", "amqp", "kafka"] {
        let url = format!("{scheme}://user:secret@127.0.0.1:1");
        let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
        command.args(["--broker", &url, "--", "true"]).env_remove("RUST_LOG");
        let (status, stderr) = Process::start(&mut command).wait();
        assert_eq!(status.code(), Some(1), "{stderr}");
        assert!(stderr.contains("127.0.0.1:1") && !stderr.contains("secret"), "{stderr}");
    }
}
