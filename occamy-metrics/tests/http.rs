//! The HTTP listener, asked as operators, probes and bad clients ask it.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use occamy_core::scheduler::{SlotId, TaskKey};
use occamy_core::{
    BrokerEvent, Error, ErrorKind, Headers, Monitor, Observation, SlotStatus, SlotUsage, Task, TaskContext,
    TaskDetails, TestMessage, handler_fn,
};
use occamy_metrics::{HttpServer, LiveMonitor};
use occamy_runtime::Server;
use serde_json::Value;

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn start() -> HttpServer {
    HttpServer::builder()
        .listen(([127, 0, 0, 1], 0))
        .metrics(|| "some_metric 7\n".to_owned())
        .start()
        .unwrap()
}

/// The status, the headers as one text, and the body.
fn get(http: &HttpServer, path: &str) -> (u16, String, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(PATIENCE))
        .build()
        .into();
    let mut response = agent.get(format!("http://{}{path}", http.address())).call().unwrap();
    let headers = response.headers().iter();
    let headers = headers.map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap())).collect();
    (response.status().as_u16(), headers, response.body_mut().read_to_string().unwrap())
}

fn usage(slots: usize) -> SlotUsage {
    let mut usage = SlotUsage::default();
    (usage.empty, usage.available, usage.healthy) = (slots, slots, true);
    usage
}

fn ready(monitor: &LiveMonitor) {
    monitor.record(&Observation::Slots(usage(4)));
    monitor.record(&Observation::Broker(BrokerEvent::Connected));
}

fn started(task: u64, id: &str, group: &str) -> Observation {
    Observation::Started {
        task: TaskKey(task),
        slot: SlotId(1),
        id: id.into(),
        group: group.into(),
        status: SlotStatus::Protected,
        wait: Duration::ZERO,
    }
}

#[test]
fn every_page_says_that_only_what_comes_from_here_may_run() {
    let http = start();
    for (path, kind, word) in [
        ("/", "text/html", "<title>Occamy"),
        ("/page.js", "text/javascript", "EventSource"),
        ("/lanes.js", "text/javascript", "class Lanes"),
        ("/page.css", "text/css", "prefers-color-scheme: dark"),
        ("/metrics", "text/plain; version=0.0.4", "some_metric 7"),
        ("/api/snapshot", "application/json", "\"servers\":[]"),
    ] {
        let (status, headers, body) = get(&http, path);
        assert_eq!(status, 200, "{path}");
        assert!(
            headers.contains(&format!("content-type: {kind}")) && body.contains(word),
            "{path}: {headers}{body}"
        );
        assert!(headers.contains("content-security-policy: default-src 'none'"), "{path}: {headers}");
        assert!(headers.contains("x-content-type-options: nosniff"), "{path}: {headers}");
    }
    assert_eq!(get(&http, "/nothing").0, 404);
    let none = HttpServer::builder().listen(([127, 0, 0, 1], 0)).start().unwrap();
    assert_eq!(get(&none, "/metrics").0, 404, "nobody said what the metrics are");
}

#[test]
fn everything_is_read_only() {
    let http = start();
    for path in ["/", "/metrics", "/livez", "/api/snapshot", "/api/events"] {
        let posted = ureq::post(format!("http://{}{path}", http.address())).send_empty();
        assert!(matches!(posted, Err(ureq::Error::StatusCode(405))), "{path}: {posted:?}");
    }
}

#[test]
fn probes_are_answered_for_all_servers_of_the_process() {
    let http = start();
    assert_eq!(get(&http, "/livez").0, 200);
    assert_eq!(get(&http, "/readyz").0, 503);
    let (one, two) = (http.monitor("one"), http.monitor("two"));
    ready(&one);
    let (status, _, body) = get(&http, "/readyz");
    assert_eq!((status, &*body), (503, "two: it has not started\n"));
    ready(&two);
    assert_eq!(get(&http, "/readyz").0, 200);
    two.record(&Observation::Broker(BrokerEvent::Disconnected));
    assert_eq!(get(&http, "/readyz").2, "two: the connection with its broker is lost\n");
    assert_eq!(get(&http, "/livez").0, 200, "a restart would not bring the broker back");
    let mut wedged = usage(1);
    (wedged.wedged, wedged.healthy) = (3, false);
    one.record(&Observation::Slots(wedged));
    let (status, _, body) = get(&http, "/livez");
    assert_eq!((status, &*body), (503, "one: 3 of 4 slots are wedged\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_server_is_alive_and_is_told_of_with_the_broker_it_has() {
    let http = start();
    let handler = handler_fn(|_, _| Err(Error::new(ErrorKind::InvalidTask, "no tasks here")));
    let server = Server::builder(handler).slots(3).monitor(http.monitor("real")).build().unwrap();
    let broker = occamy_runtime::memory::MemoryBroker::new();
    let serving = tokio::spawn(server.serve(broker.connect("real")).into_future());
    let until = |path: &'static str, status: u16| {
        while get(&http, path).0 != status {
            thread::yield_now();
        }
    };
    tokio::task::block_in_place(|| until("/readyz", 200));
    let snapshot: Value = serde_json::from_str(&get(&http, "/api/snapshot").2).unwrap();
    assert_eq!(snapshot["servers"][0]["slot_count"], 3);
    server.shutdown(Duration::ZERO).await;
    serving.await.unwrap().unwrap();
    assert_eq!(get(&http, "/readyz").2, "real: it is closed\n");
    assert_eq!(get(&http, "/livez").0, 200);
}

#[test]
fn a_server_whose_runtime_is_blocked_is_dead_though_its_tasks_come_and_go() {
    let http = start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let server = {
        let _context = runtime.enter();
        let handler = handler_fn(|_, _| Ok(Brief.into()));
        Server::builder(handler).slots(1).monitor(http.monitor("blocked")).build().unwrap()
    };
    assert_eq!(get(&http, "/livez").0, 200);
    // Nobody drives the runtime. What frees a slot is a thread of its own, and so is who brings a request.
    let begun = Instant::now();
    while get(&http, "/livez").0 == 200 {
        assert!(begun.elapsed() < PATIENCE, "it is still taken for alive");
        server.handle_request(Box::new(TestMessage::new(Headers::new(), "")));
    }
    let (_, _, body) = get(&http, "/livez");
    assert!(body.starts_with("blocked: its driver has not been heard of for 1"), "{body}");
}

/// Ends at once.
struct Brief;

impl Task for Brief {
    fn details(&self) -> TaskDetails {
        TaskDetails::default()
    }

    fn run(&self, _: &TaskContext) -> Result<(), Error> {
        Ok(())
    }
}

#[test]
fn events_are_a_snapshot_and_then_what_changes() {
    let http = start();
    let monitor = http.monitor("one");
    ready(&monitor);
    let mut events = viewer(http.address());
    let (name, snapshot) = event(&mut events);
    assert_eq!((&*name, &snapshot["servers"][0]["slots"][1]["state"]), ("snapshot", &"empty".into()));
    let hostile = "<script>alert(1)</script>\n\ndata: x";
    monitor.record(&started(1, hostile, hostile));
    let changed = loop {
        let (name, changes) = event(&mut events);
        assert_eq!(name, "changes");
        let server = &changes["servers"][0];
        let rows = server["slots"].as_array().unwrap().iter();
        if let Some(row) = rows.into_iter().find(|row| row["state"] == "protected") {
            break row.clone();
        }
    };
    assert_eq!((&changed["id"], &changed["group"]), (&hostile.into(), &hostile.into()));
}

#[test]
fn what_is_left_of_a_server_is_no_complaint_about_its_successor() {
    let http = start();
    let first = http.monitor("one");
    let mut closed = usage(4);
    (closed.draining, closed.closed) = (true, true);
    first.record(&Observation::Slots(closed));
    assert_eq!(get(&http, "/readyz").2, "one: it is closed\n");
    let mut events = viewer(http.address());
    assert_eq!(event(&mut events).1["servers"][0]["usage"]["closed"], true);
    drop(first);
    let second = http.monitor("one");
    ready(&second);
    assert_eq!(get(&http, "/readyz").0, 200);
    // Who looks is told everything anew, since the numbers of the servers are others.
    let (_, snapshot) =
        std::iter::repeat_with(|| event(&mut events)).find(|(name, _)| name == "snapshot").unwrap();
    let servers = snapshot["servers"].as_array().unwrap();
    assert_eq!((servers.len(), &servers[0]["usage"]["closed"]), (1, &false.into()));
}

#[test]
fn names_that_others_may_own_are_not_answered_to_on_this_machine_alone() {
    let status = |http: &HttpServer, host: &str| {
        let port = http.address().port();
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.write_all(format!("GET /api/snapshot HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        line.trim().to_owned()
    };
    let http = start();
    assert_eq!(status(&http, "evil.example:9464"), "HTTP/1.1 421 Misdirected Request");
    assert_eq!(status(&http, "localhost:9464"), "HTTP/1.1 200 OK");
    let everywhere = HttpServer::builder().listen(([0, 0, 0, 0], 0)).start().unwrap();
    assert_eq!(status(&everywhere, "worker-7.internal:9464"), "HTTP/1.1 200 OK");
}

#[test]
fn an_address_in_use_is_an_error_that_names_it() {
    let http = start();
    let error = HttpServer::builder().listen(http.address()).start().unwrap_err();
    assert_eq!(error.to_string(), format!("no HTTP on {}: choose another address or port", http.address()));
    // Whoever prints an error prints its source, too.
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("in use"), "{error:?}");
}

#[test]
fn viewers_that_take_nothing_slow_nobody_down() {
    let http = start();
    let monitor = http.monitor("one");
    monitor.record(&Observation::Slots(usage(1_000)));
    // They ask, and never read what comes.
    let stuck: Vec<TcpStream> = (0..200).map(|_| ask(http.address(), "/api/events")).collect();
    // These never finish to ask.
    let slow: Vec<TcpStream> = (0..200)
        .map(|_| {
            let mut stream = TcpStream::connect(http.address()).unwrap();
            stream.write_all(b"GET / HT").unwrap();
            stream
        })
        .collect();
    for round in 0..1_000 {
        monitor.record(&started(round, "id", "group"));
    }
    let mut events = viewer(http.address());
    assert_eq!(event(&mut events).0, "snapshot");
    assert_eq!(event(&mut events).0, "changes");
    assert_eq!(get(&http, "/livez").0, 200);
    assert_eq!(get(&http, "/metrics").0, 200);
    drop((stuck, slow));
}

#[test]
fn of_too_many_viewers_the_last_are_told_so() {
    let http = start();
    let viewers: Vec<_> = (0..256).map(|_| viewer(http.address())).collect();
    let (status, _, body) = get(&http, "/api/events");
    assert_eq!(status, 503, "{body}");
    assert_eq!(get(&http, "/livez").0, 200);
    drop(viewers);
}

#[test]
fn a_scrape_in_the_middle_of_a_shutdown_is_answered() {
    let ((asked, asks), (answer, answers)) = (mpsc::channel(), mpsc::channel::<()>());
    let answers = std::sync::Mutex::new(answers);
    let metrics = move || {
        asked.send(()).unwrap();
        let _ = answers.lock().unwrap().recv();
        "some_metric 8\n".to_owned()
    };
    let http = HttpServer::builder().listen(([127, 0, 0, 1], 0)).metrics(metrics).start().unwrap();
    let mut scrape = ask(http.address(), "/metrics");
    asks.recv_timeout(PATIENCE).unwrap();
    let address = http.address();
    drop(http);
    answer.send(()).unwrap();
    let mut text = String::new();
    scrape.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 200") && text.ends_with("some_metric 8\n"), "{text}");
    // Soon nobody listens.
    while TcpStream::connect(address).is_ok() {
        thread::yield_now();
    }
}

fn ask(address: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes()).unwrap();
    stream
}

/// Looks at the events, once they have begun.
fn viewer(address: SocketAddr) -> BufReader<TcpStream> {
    let mut events = BufReader::new(ask(address, "/api/events"));
    let mut line = String::new();
    events.read_line(&mut line).unwrap();
    assert!(line.starts_with("HTTP/1.1 200"), "{line}");
    events
}

/// The name and the data of the next event.
fn event(events: &mut BufReader<TcpStream>) -> (String, Value) {
    let mut name = String::new();
    loop {
        let mut line = String::new();
        assert_ne!(events.read_line(&mut line).unwrap(), 0, "the events have ended");
        if let Some(event) = line.strip_prefix("event: ") {
            event.trim().clone_into(&mut name);
        }
        if let Some(data) = line.strip_prefix("data: ") {
            return (name, serde_json::from_str(data).unwrap());
        }
    }
}
