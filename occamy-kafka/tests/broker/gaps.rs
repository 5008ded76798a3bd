//! A record that is not finished, while one behind it is.

use std::sync::Arc;
use std::time::Duration;

use occamy_core::transport::Transport;
use occamy_core::{Headers, Observation, RecordingMonitor, Verdict};
use occamy_kafka::KafkaTransport;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tracing::field::{Field, Visit};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::common;

/// The fields of each warning that tells of a gap.
struct Warnings(mpsc::UnboundedSender<String>);

impl<S: tracing::Subscriber> Layer<S> for Warnings {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        struct Fields(String);
        impl Visit for Fields {
            fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
                self.0.push_str(&format!("{field}={value:?} "));
            }
        }
        let mut fields = Fields(String::new());
        event.record(&mut fields);
        if *event.metadata().level() == tracing::Level::WARN && fields.0.contains("partition=") {
            let _ = self.0.send(fields.0);
        }
    }
}

#[tokio::test]
async fn an_old_gap_is_observed_and_warned_of() {
    let Some(address) = common::address() else { return };
    let (sender, mut warnings) = mpsc::unbounded_channel();
    tracing_subscriber::registry().with(Warnings(sender)).init();
    let service = format!("test-gap-{}", &uuid::Uuid::new_v4().simple().to_string()[..8]);
    let builder = KafkaTransport::builder(&service).url(format!("kafka://{address}"));
    let transport =
        builder.partitions(1).gap_warning(Duration::from_secs(1)).name(&service).connect().await.unwrap();
    let monitor = RecordingMonitor::new();
    transport.observe(Arc::new(monitor.clone()));
    for body in ["first", "second"] {
        transport.publisher().request(Headers::new(), body.into()).await.unwrap();
    }
    let mut requests = transport.requests();
    let first = requests.next(2).await.unwrap().unwrap();
    let second = requests.next(1).await.unwrap().unwrap();
    second.settle(Verdict::Done).await.unwrap();
    let warning = timeout(Duration::from_secs(30), async {
        loop {
            let warning = warnings.recv().await.unwrap();
            if warning.contains("offset=0 waiting=1 age_seconds=") {
                break warning;
            }
        }
    });
    let warning = warning.await.expect("the gap is warned of");
    assert!(warning.contains("partition=0"), "{warning}");
    let counts = |monitor: &RecordingMonitor| -> Vec<usize> {
        let observations = monitor.observations().into_iter();
        let count = |observation| match observation {
            Observation::UncommittedRecords { count } => Some(count),
            _ => None,
        };
        observations.filter_map(count).collect()
    };
    assert_eq!(counts(&monitor), [1]);
    first.settle(Verdict::Done).await.unwrap();
    let closed = timeout(Duration::from_secs(30), async {
        while counts(&monitor) != [1, 0] {
            sleep(Duration::from_millis(10)).await;
        }
    });
    closed.await.expect("the gap is closed");
    drop(requests);
    transport.close().await.unwrap();
}
