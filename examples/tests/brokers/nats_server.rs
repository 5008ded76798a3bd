//! `nats_server`, the server to read.

use std::process::{Command, Stdio};

use occamy_core::Headers;

use crate::process::{Process, Reader};
use crate::service::{Kind, Service};

#[tokio::test]
async fn it_counts_primes() {
    let Some(service) = Service::named("primes", Kind::Nats, "nats_server") else { return };
    let mut command = Command::new(env!("CARGO_BIN_EXE_nats_server"));
    let mut server = Process::start(command.arg(&service.url).stdout(Stdio::piped()));
    let output = Reader::start(server.take_stdout().unwrap());
    service.request(Headers::new(), "1000").await;
    output.line("168 primes below 1000");
    server.signal("TERM");
    let (status, stderr) = server.wait();
    assert_eq!(status.code(), Some(0), "{stderr}");
    service.delete().await;
}
