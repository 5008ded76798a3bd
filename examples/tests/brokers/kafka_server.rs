//! `kafka_server`, the server to read, and a client in Python that knows nothing of us.

use std::process::{Command, Stdio};

use occamy_core::Headers;

use crate::process::{Process, Reader};
use crate::python::Package;
use crate::service::{Kind, Service};

const CONFLUENT_KAFKA: Package = Package { module: "confluent_kafka", variable: "OCCAMY_CONFLUENT_KAFKA" };

fn start(service: &Service) -> (Process, Reader) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kafka_server"));
    let mut server = Process::start(command.args([&service.url, &service.name]).stdout(Stdio::piped()));
    let output = Reader::start(server.take_stdout().unwrap());
    (server, output)
}

async fn end(server: Process, service: Service) {
    server.signal("TERM");
    let (status, stderr) = server.wait();
    assert_eq!(status.code(), Some(0), "{stderr}");
    service.until_requests(0).await;
    service.delete().await;
}

#[tokio::test]
async fn it_counts_primes() {
    let Some(service) = Service::fresh(Kind::Kafka, "kafka_server") else { return };
    let (server, output) = start(&service);
    service.request(Headers::new(), "1000").await;
    output.line("168 primes below 1000");
    end(server, service).await;
}

#[tokio::test]
async fn a_client_that_is_not_ours_is_served() {
    let test = "kafka_client.py";
    let Some(service) = Service::fresh(Kind::Kafka, test) else { return };
    if !CONFLUENT_KAFKA.is_there(test) {
        return;
    }
    let (server, output) = start(&service);
    // Then the topics are there, and the server has its partitions.
    service.request(Headers::new(), "1000").await;
    output.line("168 primes below 1000");

    CONFLUENT_KAFKA.check("kafka_client.py", &service, &[""; 0]);

    // Requests with no headers, with typed ones and with plain ones, one after a control message, and an offer.
    for line in ["25 primes below 100", "46 primes below 200", "62 primes below 300", "95 primes below 500"] {
        output.line(line);
    }
    end(server, service).await;
}
