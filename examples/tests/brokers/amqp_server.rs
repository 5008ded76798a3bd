//! `amqp_server`, the server to read, and a client in Python that knows nothing of us.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::process::{Process, Reader};
use crate::service::{Kind, Service};

/// Names the folder in which pika is. Where it is set, the test is not to be skipped.
const PIKA: &str = "OCCAMY_PIKA";

#[tokio::test]
async fn a_client_that_is_not_ours_is_served() {
    let test = "amqp_server";
    let Some(service) = Service::fresh(Kind::RabbitMq, test) else { return };
    if !has_pika() {
        eprintln!("skipped: {test} needs python3 with pika, whose folder may be in {PIKA}");
        return;
    }
    let events = tempfile::NamedTempFile::new().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_amqp_server"));
    command.args([&service.name, &service.url]).env_remove("RUST_LOG").stdout(events.reopen().unwrap());
    let server = Process::start(&mut command);
    server.stderr().line("serving");

    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/amqp_client.py");
    let mut command = python();
    command.arg(program).args(["--url", &service.url, "--service", &service.name, "check", "--events"]);
    let mut client = Process::start(command.arg(events.path()).stdout(Stdio::piped()));
    let output = Reader::start(client.take_stdout().unwrap());
    let (status, errors) = client.wait();
    assert_eq!(status.code(), Some(0), "{}{errors}", output.all());

    server.signal("TERM");
    let (status, stderr) = server.wait();
    assert_eq!(status.code(), Some(0), "{stderr}");
    service.until_requests(0).await;
    service.delete().await;
}

fn has_pika() -> bool {
    if std::env::var_os(PIKA).is_some_and(|folder| !folder.is_empty()) {
        return true;
    }
    let mut import = python();
    import.args(["-c", "import pika"]).stdout(Stdio::null()).stderr(Stdio::null());
    import.status().is_ok_and(|status| status.success())
}

/// It leaves nothing behind in the folder of its programs.
fn python() -> Command {
    let mut python = Command::new("python3");
    python.arg("-B");
    if let Some(folder) = std::env::var_os(PIKA).filter(|folder| !folder.is_empty()) {
        python.env("PYTHONPATH", folder);
    }
    python
}
