//! `routes` with its servers and its client in processes of their own.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::process::{Process, Reader};
use crate::service::Service;

at_each_broker!(
    servers_and_client_are_processes_of_their_own,
    a_client_waits_for_servers_that_are_not_there_yet_but_not_for_ever,
);

/// The program in this role, with its standard output.
fn start(service: &Service, role: &str, arguments: &[&str]) -> (Process, Reader) {
    let out = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("routes");
    let mut command = Command::new(env!("CARGO_BIN_EXE_routes"));
    command.args(["--broker", &service.url, "--service", &service.name, "--role", role, "--json", "--out"]);
    command.arg(out).args(arguments).env_remove("RUST_LOG").stdout(Stdio::piped());
    let mut process = Process::start(&mut command);
    let stdout = Reader::start(process.take_stdout().unwrap());
    (process, stdout)
}

fn server(service: &Service) -> (Process, Reader) {
    let (process, stdout) = start(service, "server", &["--slots", "2"]);
    process.stderr().line("serving");
    (process, stdout)
}

/// The exit code and the report, when the program has ended.
fn report((process, stdout): (Process, Reader)) -> (Option<i32>, Value) {
    let (status, stderr) = process.wait();
    let text = stdout.all();
    let report = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}\n{stderr}"));
    (status.code(), report)
}

async fn servers_and_client_are_processes_of_their_own(service: &Service) {
    let servers = [server(service), server(service)];
    let arguments = ["--requests", "3", "--interval", "0.2", "--seconds", "1"];
    let (code, result) = report(start(service, "client", &arguments));
    assert_eq!(code, Some(0), "{result:#}");
    let requests = result["requests"].as_array().unwrap();
    assert_eq!(requests.len(), 3);
    for request in requests {
        assert_eq!(request["finished"], true, "{result:#}");
        assert!(request["gap_percent"].as_f64().unwrap() >= 0.0, "no tour is shorter than the optimum");
        assert!(request["start_latency_ms"].as_f64().unwrap() >= 0.0);
    }
    assert_eq!((&result["failures"], &result["slot_seconds"]), (&Value::Array(Vec::new()), &Value::Null));
    assert_eq!(result["pictures"].as_array().unwrap().len(), 3, "a tour for each instance, and no slots");

    let mut begun = 0;
    for server in servers {
        server.0.signal("TERM");
        let (code, result) = report(server);
        assert_eq!(code, Some(0), "a signal is how a server is meant to end");
        assert_eq!(result["pictures"].as_array().unwrap().len(), 1);
        begun += result["servers"][0]["requests"].as_u64().unwrap();
    }
    assert_eq!(begun, 3);
    service.until_requests(0).await;
}

async fn a_client_waits_for_servers_that_are_not_there_yet_but_not_for_ever(service: &Service) {
    let arguments = ["--requests", "1", "--seconds", "0", "--patience", "0.1"];
    let (code, result) = report(start(service, "client", &arguments));
    assert_eq!(code, Some(1));
    assert!(result["failures"][0].as_str().unwrap().contains("no server has begun it"), "{result:#}");
    service.until_requests(1).await;

    let client = start(service, "client", &["--requests", "1", "--seconds", "0"]);
    service.until_requests(2).await;
    let server = server(service);
    let (code, result) = report(client);
    assert_eq!((code, &result["requests"][0]["finished"]), (Some(0), &Value::Bool(true)), "{result:#}");
    server.0.signal("INT");
    assert_eq!(report(server).0, Some(0));
}
