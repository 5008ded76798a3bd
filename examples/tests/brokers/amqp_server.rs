//! `amqp_server`, the server to read, and a client in Python that knows nothing of us.

use std::process::Command;

use crate::process::Process;
use crate::python::Package;
use crate::service::{Kind, Service};

const PIKA: Package = Package { module: "pika", variable: "OCCAMY_PIKA" };

#[tokio::test]
async fn a_client_that_is_not_ours_is_served() {
    let test = "amqp_server";
    let Some(service) = Service::fresh(Kind::RabbitMq, test) else { return };
    if !PIKA.is_there(test) {
        return;
    }
    let events = tempfile::NamedTempFile::new().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_amqp_server"));
    command.args([&service.name, &service.url]).env_remove("RUST_LOG").stdout(events.reopen().unwrap());
    let server = Process::start(&mut command);
    server.stderr().line("serving");

    PIKA.check("amqp_client.py", &service, &["--events".as_ref(), events.path().as_os_str()]);

    server.signal("TERM");
    let (status, stderr) = server.wait();
    assert_eq!(status.code(), Some(0), "{stderr}");
    service.until_requests(0).await;
    service.delete().await;
}
