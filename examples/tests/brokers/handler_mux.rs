//! `handler_mux`, with nothing installed and at real brokers.

use std::process::{Command, Stdio};

use occamy_core::Headers;
use occamy_core::transport::header;

use crate::process::{Process, Reader};
use crate::service::{Kind, Service};

fn start(broker: &str) -> (Process, Reader) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_handler_mux"));
    command.args(["--broker", broker]).env_remove("OCCAMY_SLOTS").stdout(Stdio::piped());
    let mut process = Process::start(&mut command);
    let stdout = Reader::start(process.take_stdout().unwrap());
    (process, stdout)
}

#[test]
fn it_shows_what_became_of_each_kind_with_nothing_installed() {
    let (process, stdout) = start("memory:");
    let (status, stderr) = process.wait();
    assert_eq!(status.code(), Some(0), "{stderr}");
    let text = stdout.all();
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    let dead = r#"dead letter: quietly, for header "handler-id": no handler "shout", the handlers are "reverse", "sum""#;
    assert_eq!(lines, [dead, "reverse: amall", "sum: the sum is 0", "sum: the sum is 42"]);
}

/// One test for all, for the service has a name of its own.
#[tokio::test]
async fn it_serves_others_at_a_real_broker_until_a_signal() {
    for kind in [Kind::Nats, Kind::RabbitMq, Kind::Kafka] {
        let Some(service) = Service::named("mux", kind, "handler_mux") else { continue };
        let (process, stdout) = start(&service.url);
        stdout.line("amall");
        service.request(Headers::new().with(header::HANDLER_ID, "reverse"), "a duck").await;
        stdout.line("kcud a");
        let letter = service.dead_letter().await;
        assert_eq!((&*letter.body, &*letter.headers[header::KIND]), ("quietly", "invalid_headers"));
        process.signal("TERM");
        let (status, stderr) = process.wait();
        assert_eq!(status.code(), Some(0), "{stderr}");
        service.delete().await;
    }
}
