//! A whole server goes through everything that is counted, at times that are known, and every metric is looked at.
#![allow(clippy::unwrap_used, reason = "it is test code")]

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::FutureExt;
use occamy_core::transport::{ControlStream, Publisher, RequestStream, Transport};
use occamy_core::{
    AsyncTask, BoxFuture, BoxTask, BrokerEvent, Error, ErrorKind, Headers, Message, Monitor, Observation,
    Task, TaskContext, TaskDetails, TestMessage, Verdict, handler_fn,
};
use occamy_metrics::Prometheus;
use occamy_metrics::names::{self, Kind};
use occamy_runtime::Server;
use occamy_runtime::memory::{MemoryBroker, MemoryTransport};
use support::{Bell, Scrape};

/// What is left at the end, by series. All others are zero, but for buckets.
const AT_THE_END: &[(&str, f64)] = &[
    ("occamy_slots{server=\"s\"}", 2.0),
    ("occamy_slots_used{server=\"s\",status=\"empty\"}", 2.0),
    ("occamy_slots_available{server=\"s\"}", 0.0),
    ("occamy_tasks_started_total{server=\"s\",status=\"protected\",group=\"routes\"}", 6.0),
    ("occamy_tasks_started_total{server=\"s\",status=\"unprotected_internal\",group=\"routes\"}", 1.0),
    ("occamy_tasks_started_total{server=\"s\",status=\"unprotected_external\",group=\"render\"}", 1.0),
    // The one that came twice, and the brief one.
    (
        "occamy_tasks_finished_total{server=\"s\",status=\"protected\",group=\"routes\",outcome=\"completed\"}",
        2.0,
    ),
    // The one that fails, and the first time of the one that came twice.
    (
        "occamy_tasks_finished_total{server=\"s\",status=\"protected\",group=\"routes\",outcome=\"failed\"}",
        2.0,
    ),
    (
        "occamy_tasks_finished_total{server=\"s\",status=\"protected\",group=\"routes\",outcome=\"panicked\"}",
        1.0,
    ),
    // The master, at the shutdown.
    (
        "occamy_tasks_finished_total{server=\"s\",status=\"protected\",group=\"routes\",outcome=\"interrupted\"}",
        1.0,
    ),
    (
        "occamy_tasks_finished_total{server=\"s\",status=\"unprotected_internal\",group=\"routes\",\
         outcome=\"interrupted\"}",
        1.0,
    ),
    (
        "occamy_tasks_finished_total{server=\"s\",status=\"unprotected_external\",group=\"render\",\
         outcome=\"interrupted\"}",
        1.0,
    ),
    // 12 s of the master and 1.5 s of the one that fails; the others take no time.
    ("occamy_task_duration_seconds_sum{server=\"s\",status=\"protected\",group=\"routes\"}", 13.5),
    ("occamy_task_duration_seconds_count{server=\"s\",status=\"protected\",group=\"routes\"}", 6.0),
    ("occamy_task_duration_seconds_sum{server=\"s\",status=\"unprotected_internal\",group=\"routes\"}", 4.5),
    (
        "occamy_task_duration_seconds_count{server=\"s\",status=\"unprotected_internal\",group=\"routes\"}",
        1.0,
    ),
    ("occamy_task_duration_seconds_sum{server=\"s\",status=\"unprotected_external\",group=\"render\"}", 4.0),
    (
        "occamy_task_duration_seconds_count{server=\"s\",status=\"unprotected_external\",group=\"render\"}",
        1.0,
    ),
    // Only the one that had to evict the assistant waited.
    ("occamy_task_wait_seconds_sum{server=\"s\"}", 0.5),
    ("occamy_task_wait_seconds_count{server=\"s\"}", 6.0),
    ("occamy_evictions_total{server=\"s\"}", 2.0),
    ("occamy_eviction_seconds_sum{server=\"s\"}", 3.5),
    ("occamy_eviction_seconds_count{server=\"s\"}", 2.0),
    // 8.5 s, of which the half second is carried.
    ("occamy_evicted_work_seconds_total{server=\"s\"}", 8.0),
    // The hour before anything happened, two slots, and two seconds at the end.
    ("occamy_slot_seconds_total{server=\"s\",status=\"empty\"}", 7202.0),
    ("occamy_slot_seconds_total{server=\"s\",status=\"protected\"}", 13.0),
    ("occamy_slot_seconds_total{server=\"s\",status=\"unprotected_internal\"}", 4.0),
    ("occamy_slot_seconds_total{server=\"s\",status=\"unprotected_external\"}", 3.0),
    ("occamy_slot_seconds_total{server=\"s\",status=\"wedged\"}", 1.0),
    ("occamy_process_duration_seconds_sum{server=\"s\",process=\"handle_request_message\"}", 0.0),
    ("occamy_process_duration_seconds_count{server=\"s\",process=\"handle_request_message\"}", 8.0),
    ("occamy_process_duration_seconds_sum{server=\"s\",process=\"handle_control_message\"}", 0.0),
    ("occamy_process_duration_seconds_count{server=\"s\",process=\"handle_control_message\"}", 5.0),
    ("occamy_process_duration_seconds_sum{server=\"s\",process=\"expansion_process\"}", 0.0),
    ("occamy_process_duration_seconds_count{server=\"s\",process=\"expansion_process\"}", 2.0),
    ("occamy_errors_total{server=\"s\",kind=\"invalid_body\"}", 1.0),
    ("occamy_errors_total{server=\"s\",kind=\"invalid_headers\"}", 1.0),
    ("occamy_errors_total{server=\"s\",kind=\"invalid_task\"}", 1.0),
    ("occamy_errors_total{server=\"s\",kind=\"message_not_acked\"}", 1.0),
    ("occamy_errors_total{server=\"s\",kind=\"task_not_added\"}", 1.0),
    ("occamy_errors_total{server=\"s\",kind=\"task_not_killed\"}", 1.0),
    ("occamy_errors_total{server=\"s\",kind=\"unknown_task_error\"}", 1.0),
    // Five control messages, and the request that came twice.
    ("occamy_messages_settled_total{server=\"s\",outcome=\"done\"}", 6.0),
    ("occamy_messages_settled_total{server=\"s\",outcome=\"failed\"}", 3.0),
    ("occamy_messages_settled_total{server=\"s\",outcome=\"retry\"}", 1.0),
    ("occamy_messages_settled_total{server=\"s\",outcome=\"interrupted\"}", 1.0),
    ("occamy_messages_settled_total{server=\"s\",outcome=\"busy\"}", 1.0),
    ("occamy_offers{server=\"s\"}", 0.0),
    ("occamy_offers_dropped_total{server=\"s\",outcome=\"expired\"}", 1.0),
    ("occamy_offers_dropped_total{server=\"s\",outcome=\"not_killed\"}", 1.0),
    ("occamy_wedged_slots{server=\"s\"}", 0.0),
    ("occamy_draining{server=\"s\"}", 1.0),
    ("occamy_broker_connected{server=\"s\"}", 1.0),
    ("occamy_broker_reconnects_total{server=\"s\"}", 1.0),
    ("occamy_stale_settlements_total{server=\"s\"}", 1.0),
    ("occamy_expansion_tasks_dropped_total{server=\"s\"}", 1.0),
    ("occamy_control_messages_dropped_total{server=\"s\"}", 1.0),
    ("occamy_uncommitted_records{server=\"s\"}", 7.0),
    (concat!("occamy_build_info{server=\"s\",version=\"", env!("CARGO_PKG_VERSION"), "\"}"), 1.0),
];

#[tokio::test(start_paused = true)]
async fn every_metric_says_what_happened() {
    let (prometheus, bell) = (Prometheus::new().unwrap(), Bell::default());
    let value = |series: &str| Scrape::of(&prometheus).value(series);
    let (handling, gates) = (Arc::new(AtomicUsize::new(0)), [Gate::default(), Gate::default()]);
    let server = Server::builder(handler(&handling, &gates, &bell))
        .slots(2)
        .without_expansion_period()
        .kill_timeout(Duration::from_secs(2))
        .mailbox(1)
        .grace(Duration::ZERO)
        .monitor((prometheus.monitor("s"), bell.clone()))
        .build()
        .unwrap();
    for metric in names::ALL {
        let begun = Scrape::of(&prometheus);
        assert!(begun.series.keys().any(|series| is_of(series, metric.name)), "{} exists", metric.name);
    }

    let broker = MemoryBroker::new();
    let (tap, shut_down) = (Tap::default(), Arc::new(tokio::sync::Notify::new()));
    let transport = Tapped(broker.connect("s"), tap.clone());
    let signal = Arc::clone(&shut_down);
    let serving = server.serve(transport).with_graceful_shutdown(async move { signal.notified().await });
    let serving = tokio::spawn(serving.into_future());
    let client = broker.publisher();
    let request = |body: &'static str| client.request(Headers::new(), body.into());
    let control = |body: &'static str| client.control(Headers::new().with("task-id", "master"), body.into());
    let offer = |body: &'static str| client.control(Headers::new(), body.into());
    let sleep = |millis| tokio::time::sleep(Duration::from_millis(millis));

    // An hour in which nothing happens.
    sleep(3_600_000).await;
    bell.until("the hour is there", || {
        value("occamy_slot_seconds_total{server=\"s\",status=\"empty\"}") == 7200.0
    })
    .await;
    assert_eq!(value("occamy_slots_available{server=\"s\"}"), 2.0);
    assert_eq!(value("occamy_broker_connected{server=\"s\"}"), 1.0);

    // 0 s: a master and its assistant. It was asked for one, and makes two.
    request("master").await.unwrap();
    bell.until("the assistant runs", || {
        value("occamy_slots_used{server=\"s\",status=\"unprotected_internal\"}") == 1.0
    })
    .await;
    assert_eq!(value("occamy_slots_used{server=\"s\",status=\"protected\"}"), 1.0);
    assert_eq!(value("occamy_slots_available{server=\"s\"}"), 1.0);
    // While the first control message is handled the third pushes the second out of the mailbox.
    control("first").await.unwrap();
    bell.until("the first is handled", || handling.load(Ordering::SeqCst) == 1).await;
    control("second").await.unwrap();
    control("third").await.unwrap();
    bell.until("the second is dropped", || {
        value("occamy_control_messages_dropped_total{server=\"s\"}") == 1.0
    })
    .await;
    gates[0].open();
    bell.until("the third is handled", || handling.load(Ordering::SeqCst) == 2).await;

    // 4 s: a request evicts the assistant, which takes half a second to end, and runs until 6 s.
    sleep(4_000).await;
    request("fails").await.unwrap();
    sleep(2_000).await;
    bell.until("the master has no more assistants", || {
        value("occamy_process_duration_seconds_count{server=\"s\",process=\"expansion_process\"}") == 2.0
    })
    .await;

    // 6 s: an offer takes the slot, and another comes too late.
    offer("stubborn").await.unwrap();
    offer("expired").await.unwrap();
    bell.until("one runs, and one is dropped", || {
        value("occamy_slots_used{server=\"s\",status=\"unprotected_external\"}") == 1.0
            && value("occamy_offers_dropped_total{server=\"s\",outcome=\"expired\"}") == 1.0
    })
    .await;
    assert_eq!(value("occamy_offers{server=\"s\"}"), 1.0);

    // 7 s: it is told to stop for a request, and does not. At 9 s it is wedged, and the request refused.
    sleep(1_000).await;
    server.handle_request(Box::new(TestMessage::new(Headers::new(), "refused")));
    sleep(3_000).await;
    assert_eq!(value("occamy_wedged_slots{server=\"s\"}"), 1.0);

    // 10 s: it ends at last.
    gates[1].open();
    bell.until("it has ended", || value("occamy_wedged_slots{server=\"s\"}") == 0.0).await;
    request("twice").await.unwrap();
    sleep(1_000).await;
    bell.until("it was tried again", || {
        value("occamy_messages_settled_total{server=\"s\",outcome=\"done\"}") == 6.0
    })
    .await;
    // 11 s: everything that can go wrong.
    request("panics").await.unwrap();
    request("unreadable").await.unwrap();
    bell.until("both are dead", || {
        value("occamy_messages_settled_total{server=\"s\",outcome=\"failed\"}") == 3.0
    })
    .await;
    let settled_before = TestMessage::new(Headers::new(), "brief");
    Box::new(settled_before.clone()).settle(Verdict::Done).await.unwrap();
    server.handle_request(Box::new(settled_before));
    bell.until("it can't be settled", || {
        value("occamy_errors_total{server=\"s\",kind=\"message_not_acked\"}") == 1.0
    })
    .await;
    broker.faults().stop();
    bell.until("the broker is gone", || value("occamy_broker_connected{server=\"s\"}") == 0.0).await;
    broker.faults().start();
    bell.until("the broker is back", || value("occamy_broker_connected{server=\"s\"}") == 1.0).await;
    // What only other brokers tell.
    tap.tell(&Observation::Broker(BrokerEvent::StaleSettlement));
    tap.tell(&Observation::UncommittedRecords { count: 7 });

    // 12 s: the end, with a second of nothing but the master before.
    sleep(1_000).await;
    shut_down.notify_one();
    assert!(serving.await.unwrap().unwrap().is_clean());
    bell.until("the master is handed back", || {
        value("occamy_messages_settled_total{server=\"s\",outcome=\"interrupted\"}") == 1.0
    })
    .await;
    // No slot's time passes after the end.
    sleep(3_600_000).await;

    let scrape = Scrape::of(&prometheus);
    for metric in names::ALL {
        let looked_at = AT_THE_END.iter().any(|(series, _)| is_of(series, metric.name));
        assert!(looked_at, "{} is not in the table", metric.name);
        let declared = match metric.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            _ => "histogram",
        };
        assert_eq!(scrape.types.get(metric.name).map(String::as_str), Some(declared), "{}", metric.name);
    }
    for (series, value) in &scrape.series {
        let expected = AT_THE_END.iter().find(|(it, _)| it == series).map_or(0.0, |(_, value)| *value);
        assert!(
            series.contains("_bucket{") || *value == expected,
            "{series} is {value} instead of {expected}"
        );
        assert!(names::ALL.iter().any(|metric| is_of(series, metric.name)), "{series} is in no list");
    }
    for (series, _) in AT_THE_END {
        scrape.value(series);
    }
    // Of the two evictions one took half a second.
    assert_eq!(scrape.value("occamy_eviction_seconds_bucket{server=\"s\",le=\"0.25\"}"), 0.0);
    assert_eq!(scrape.value("occamy_eviction_seconds_bucket{server=\"s\",le=\"0.5\"}"), 1.0);
    assert_eq!(scrape.value("occamy_task_wait_seconds_bucket{server=\"s\",le=\"0.00001\"}"), 5.0);
}

/// Whether a series belongs to a metric: histograms have several for each.
fn is_of(series: &str, metric: &str) -> bool {
    let name = series.split('{').next().unwrap();
    ["", "_bucket", "_sum", "_count"].iter().any(|suffix| name.strip_suffix(suffix) == Some(metric))
}

fn handler(handling: &Arc<AtomicUsize>, gates: &[Gate; 2], bell: &Bell) -> impl occamy_core::Handler + use<> {
    let (handling, gates, bell) = (Arc::clone(handling), gates.clone(), bell.clone());
    handler_fn(move |_, body: &Bytes| match &**body {
        b"master" => Ok(BoxTask::future(Master {
            asked: AtomicUsize::new(0),
            handling: Arc::clone(&handling),
            gate: gates[0].clone(),
            bell: bell.clone(),
        })),
        b"fails" => Ok(briefly(|_| {
            async {
                tokio::time::sleep(Duration::from_millis(1_500)).await;
                Err(Error::new(ErrorKind::InvalidTask, "as it should"))
            }
            .boxed()
        })),
        b"twice" => Ok(briefly(|cx| {
            let first = cx.attempt() == 1;
            let error = Error::new(ErrorKind::InvalidBody, "not yet").retry_after(Duration::from_secs(1));
            async move { if first { Err(error) } else { Ok(()) } }.boxed()
        })),
        b"panics" => Ok(briefly(|_| panic!("as it should"))),
        b"stubborn" => Ok(Stubborn(gates[1].clone(), TaskDetails::default().group("render")).into()),
        b"expired" => {
            let details = TaskDetails::default().group("render").deadline(SystemTime::UNIX_EPOCH);
            Ok(Stubborn(Gate::default(), details).into())
        }
        b"unreadable" => Err(Error::new(ErrorKind::InvalidHeaders, "as it should")),
        _ => Ok(briefly(|_| async { Ok(()) }.boxed())),
    })
}

/// Runs until it is told to stop. Has one assistant, and makes one too many.
struct Master {
    asked: AtomicUsize,
    handling: Arc<AtomicUsize>,
    gate: Gate,
    bell: Bell,
}

impl AsyncTask for Master {
    fn details(&self) -> TaskDetails {
        TaskDetails::new("master").group("routes")
    }

    fn run<'a>(&'a self, cx: &'a TaskContext) -> BoxFuture<'a, Result<(), Error>> {
        async {
            cx.stopped().await;
            cx.check()
        }
        .boxed()
    }

    fn expand(&self, limit: usize) -> Vec<BoxTask> {
        if self.asked.fetch_add(1, Ordering::SeqCst) > 0 {
            return Vec::new();
        }
        let slow = || {
            briefly(|cx| {
                let cx = cx.clone();
                async move {
                    cx.stopped().await;
                    tokio::time::sleep(Duration::from_millis(500)).await;
                    cx.check()
                }
                .boxed()
            })
        };
        (0..=limit).map(|_| slow()).collect()
    }

    fn handle(&self, _: &TaskContext, _: &Headers, _: &Bytes) -> Result<(), Error> {
        self.handling.fetch_add(1, Ordering::SeqCst);
        self.bell.ring();
        self.gate.pass();
        Ok(())
    }
}

struct Briefly<F>(F);

/// A task without an id that awaits.
fn briefly(
    run: impl Fn(&TaskContext) -> BoxFuture<'static, Result<(), Error>> + Send + Sync + 'static,
) -> BoxTask {
    BoxTask::future(Briefly(run))
}

impl<F> AsyncTask for Briefly<F>
where
    F: Fn(&TaskContext) -> BoxFuture<'static, Result<(), Error>> + Send + Sync + 'static,
{
    fn details(&self) -> TaskDetails {
        TaskDetails::default().group("routes")
    }

    fn run<'a>(&'a self, cx: &'a TaskContext) -> BoxFuture<'a, Result<(), Error>> {
        (self.0)(cx)
    }
}

/// Looks at no stop while the gate is shut.
struct Stubborn(Gate, TaskDetails);

impl Task for Stubborn {
    fn details(&self) -> TaskDetails {
        self.1.clone()
    }

    fn run(&self, cx: &TaskContext) -> Result<(), Error> {
        self.0.pass();
        cx.check()
    }
}

/// Lets nobody pass until it is opened.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    fn pass(&self) {
        drop(self.0.1.wait_while(self.0.0.lock().unwrap(), |open| !*open).unwrap());
    }
}

/// Whom a transport tells what happens to it.
#[derive(Clone, Default)]
struct Tap(Arc<OnceLock<Arc<dyn Monitor>>>);

impl Tap {
    fn tell(&self, observation: &Observation) {
        self.0.get().unwrap().record(observation);
    }
}

/// The embedded broker's transport, through which more can be told.
struct Tapped(MemoryTransport, Tap);

impl Transport for Tapped {
    fn requests(&self) -> Box<dyn RequestStream> {
        self.0.requests()
    }

    fn controls(&self) -> Box<dyn ControlStream> {
        self.0.controls()
    }

    fn publisher(&self) -> Arc<dyn Publisher> {
        self.0.publisher()
    }

    fn observe(&self, monitor: Arc<dyn Monitor>) {
        assert!(self.1.0.set(Arc::clone(&monitor)).is_ok());
        self.0.observe(monitor);
    }

    fn drain(&self) -> BoxFuture<'_, ()> {
        self.0.drain()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), Error>> {
        self.0.close()
    }
}
