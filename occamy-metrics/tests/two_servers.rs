//! Two servers in one process, at one recorder, which is the process's.

mod support;

use std::time::Duration;

use occamy_core::{
    AsyncTask, BoxFuture, BoxTask, Error, Headers, TaskContext, TaskDetails, TestMessage, handler_fn,
};
use occamy_metrics::{Metrics, Prometheus, PrometheusError, names};
use occamy_runtime::Server;
use support::{Bell, Scrape};

struct Brief;

impl AsyncTask for Brief {
    fn details(&self) -> TaskDetails {
        TaskDetails::default().group("brief")
    }

    fn run<'a>(&'a self, _: &'a TaskContext) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async { Ok(()) })
    }
}

#[tokio::test(start_paused = true)]
async fn they_keep_apart() {
    let prometheus = Prometheus::install().unwrap();
    let again = Prometheus::install();
    assert!(matches!(again, Err(PrometheusError::Installed)), "{again:?}");

    let bell = Bell::default();
    let server = |slots, monitor: Metrics| {
        let handler = handler_fn(|_, _| Ok(BoxTask::future(Brief)));
        Server::builder(handler).slots(slots).monitor((monitor, bell.clone())).build().unwrap()
    };
    // One by the process's recorder, one by its own hands: it is the same.
    let (one, two) = (server(1, Metrics::new("one")), server(2, prometheus.monitor("two")));
    let others_own = Prometheus::new().unwrap();
    let _three = server(3, others_own.monitor("three"));

    one.handle_request(Box::new(TestMessage::new(Headers::new(), "")));
    for _ in 0..2 {
        two.handle_request(Box::new(TestMessage::new(Headers::new(), "")));
    }
    let finished = |server: &str| {
        let series = format!(
            "occamy_tasks_finished_total{{server=\"{server}\",status=\"protected\",group=\"brief\",\
             outcome=\"completed\"}}"
        );
        Scrape::of(&prometheus).series.get(&series).copied()
    };
    bell.until("all are done", || finished("one") == Some(1.0) && finished("two") == Some(2.0)).await;
    two.drain();
    // Time is told every second.
    tokio::time::sleep(Duration::from_millis(10_500)).await;

    let scrape = Scrape::of(&prometheus);
    for (server, slots, draining) in [("one", 1.0, 0.0), ("two", 2.0, 1.0)] {
        assert_eq!(scrape.value(&format!("occamy_slots{{server=\"{server}\"}}")), slots);
        assert_eq!(scrape.value(&format!("occamy_draining{{server=\"{server}\"}}")), draining);
        let empty = format!("occamy_slot_seconds_total{{server=\"{server}\",status=\"empty\"}}");
        assert_eq!(scrape.value(&empty), 10.0 * slots);
    }
    // Each has its own of every metric, and nothing is shared.
    for server in ["one", "two"] {
        let label = format!("{{server=\"{server}\"");
        for metric in names::ALL {
            let is_there = |series: &String| series.starts_with(metric.name) && series.contains(&label);
            assert!(scrape.series.keys().any(is_there), "{} of {server}", metric.name);
        }
    }
    assert!(scrape.series.keys().all(|series| !series.contains("three")));
    assert_eq!(Scrape::of(&others_own).value("occamy_slots{server=\"three\"}"), 3.0);
}
