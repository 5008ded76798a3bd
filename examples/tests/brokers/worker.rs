//! `worker` at a broker to which anybody sends.

use std::process::Command;

use occamy_core::Headers;
use occamy_core::transport::header;

use crate::process::Process;
use crate::service::Service;

at_each_broker!(
    programs_run_for_requests_of_others_until_a_signal,
    what_is_handed_back_at_a_signal_is_there_for_another_worker,
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
