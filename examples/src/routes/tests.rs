//! The service from end to end, with requests that are over as soon as they begin.

use std::ffi::OsString;
use std::time::{Duration, Instant};

use bytes::Bytes;
use occamy_core::scheduler::{SlotId, StopReason, TaskKey};
use occamy_core::transport::header;
use occamy_core::{ErrorKind, Handler, Headers, Monitor, Observation, SlotStatus, SlotUsage};
use occamy_runtime::memory::MemoryBroker;

use super::job::test_support::INSTANCE;
use super::report::Report;
use super::run::run;
use super::{Options, SOLVE, Timeline, handler};

fn options(arguments: &[&str]) -> Options {
    Options::read(["routes"].iter().chain(arguments).map(OsString::from)).unwrap()
}

#[tokio::test]
async fn every_request_is_answered_with_a_tour() {
    let options = options(&["--seconds", "0", "--interval", "0", "--requests", "7", "--slots", "2"]);
    let sources = options.sources().unwrap();
    for expansion in [true, false] {
        let outcome = run(&options, &sources, 1, expansion, None, false).await.unwrap();
        assert!(outcome.failures.is_empty(), "{:?}", outcome.failures);
        let report = Report::new(&outcome);
        assert_eq!(report.requests.len(), 7);
        for request in &report.requests {
            assert!(request.finished);
            assert!(request.gap_percent.unwrap() >= 0.0, "no tour is shorter than the optimum");
            assert!(request.start_latency_ms.is_some());
        }
        assert!(report.text().contains("useful core share"));
    }
}

#[tokio::test]
async fn a_message_that_is_no_job_is_an_error_that_says_so() {
    let broker = MemoryBroker::new();
    let handler = handler(broker.publisher(), true);
    let complete = || {
        Headers::new()
            .with(header::HANDLER_ID, SOLVE)
            .with("request", "a")
            .with("reply-to", "client")
            .with("sent", 1)
            .with("time", 2)
            .with("seed", 3)
    };
    let error_of = |headers: Headers, body: &'static str| {
        handler.handle(&headers, &Bytes::from_static(body.as_bytes())).map(|_| ()).unwrap_err()
    };
    assert!(handler.handle(&complete(), &Bytes::from_static(INSTANCE.as_bytes())).is_ok());
    assert_eq!(error_of(complete(), "not an instance").kind(), ErrorKind::InvalidBody);
    for missing in ["request", "reply-to", "sent", "time", "seed", header::HANDLER_ID] {
        let mut headers = complete();
        headers.remove(missing);
        assert_eq!(error_of(headers, INSTANCE).kind(), ErrorKind::InvalidHeaders, "without {missing}");
    }
    let mut headers = complete();
    headers.insert("time", -1);
    assert_eq!(error_of(headers, INSTANCE).kind(), ErrorKind::InvalidHeaders);
}

#[test]
fn a_timeline_adds_up_what_the_slots_did() {
    let timeline = Timeline::new("server", 2, Instant::now());
    let usage = |at: u64, protected: usize, internal: usize| {
        let mut usage = SlotUsage::default();
        usage.at = Duration::from_secs(at);
        (usage.protected, usage.unprotected_internal, usage.empty) =
            (protected, internal, 2 - protected - internal);
        Observation::Slots(usage)
    };
    let started = |task: u64, slot: u32, status: SlotStatus| Observation::Started {
        task: TaskKey(task),
        slot: SlotId(slot),
        id: "".into(),
        group: "a".into(),
        status,
        wait: Duration::ZERO,
    };
    let stopping = Observation::Stopping {
        task: TaskKey(2),
        group: "a".into(),
        status: SlotStatus::UnprotectedInternal,
        reason: StopReason::Evicted,
        ran: Duration::from_secs(4),
    };
    for observation in [
        usage(0, 0, 0),
        started(1, 0, SlotStatus::Protected),
        usage(1, 1, 0),
        started(2, 1, SlotStatus::UnprotectedInternal),
        usage(2, 1, 1),
        stopping,
        usage(6, 1, 0),
    ] {
        timeline.record(&observation);
    }
    let time = timeline.slot_time();
    assert_eq!((time.protected, time.unprotected_internal), (Duration::from_secs(5), Duration::from_secs(4)));
    assert_eq!(time.empty, Duration::from_secs(3));
    assert!((time.used() - 0.75).abs() < 1e-9);
    assert_eq!((timeline.evictions(), timeline.assistants("a"), timeline.assistants("b")), (1, 1, 0));
    assert_eq!(timeline.lanes().iter().map(|lane| lane.spans.len()).collect::<Vec<_>>(), [1, 1]);
}
