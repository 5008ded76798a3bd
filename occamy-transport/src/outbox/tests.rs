use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use occamy_core::transport::Publisher;
use occamy_core::{BoxFuture, Headers, Observation, RecordingMonitor};

use super::*;
use crate::{Address, Connectivity, LinePublisher};

/// A line that writes down what it is given, and takes a second for each word of the broker's.
struct Slow {
    connectivity: Connectivity,
    written: Mutex<Vec<Bytes>>,
    monitor: RecordingMonitor,
}

impl Line for Slow {
    type Letter = Bytes;

    fn letter(&self, _: Address, _: &Headers, body: Bytes) -> Result<Bytes, PublishError> {
        let (size, limit) = (body.len(), 9);
        if size > limit { Err(PublishError::TooLarge { size, limit }) } else { Ok(body) }
    }

    fn write(&self, letter: Bytes) -> BoxFuture<'_, Result<Confirmation, PublishError>> {
        self.written.lock().unwrap().push(letter.clone());
        let confirmation: Confirmation = async move {
            let seconds = if letter == "never" { 1_000 } else { 1 };
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            if letter == "bad" { Err(PublishError::Broker("it is bad".into())) } else { Ok(()) }
        }
        .boxed();
        std::future::ready(Ok(confirmation)).boxed()
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(10)
    }

    fn connectivity(&self) -> &Connectivity {
        &self.connectivity
    }

    fn hang_up(&self) -> BoxFuture<'_, bool> {
        std::future::ready(self.connectivity.is_connected()).boxed()
    }
}

fn open(connected: bool, bound: usize) -> (Arc<Slow>, LinePublisher<Slow>, Outbox) {
    let monitor = RecordingMonitor::new();
    let connectivity = Connectivity::new(connected);
    connectivity.observe(Arc::new(monitor.clone()));
    let line = Arc::new(Slow { connectivity, written: Mutex::default(), monitor });
    let (publisher, outbox) = LinePublisher::open(&line, &Handle::current(), bound);
    (line, publisher, outbox)
}

fn post(publisher: &LinePublisher<Slow>, body: &'static str) -> Result<(), PublishError> {
    publisher.try_control(Headers::new(), body.into())
}

#[tokio::test(start_paused = true)]
async fn letters_go_in_order_and_don_t_wait_for_each_other() {
    let (line, publisher, outbox) = open(true, 99);
    let start = tokio::time::Instant::now();
    let bodies = ["a", "b", "c", "d"];
    bodies.iter().for_each(|body| post(&publisher, body).unwrap());
    outbox.close().await.unwrap();
    assert_eq!(*line.written.lock().unwrap(), bodies);
    assert_eq!(start.elapsed(), Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn without_a_connection_they_stay_and_the_outbox_fills() {
    let (line, publisher, outbox) = open(false, 2);
    post(&publisher, "a").unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    // One is ready to be written, two are in the outbox.
    post(&publisher, "b").unwrap();
    post(&publisher, "c").unwrap();
    assert!(matches!(post(&publisher, "d"), Err(PublishError::Full)));
    assert!(line.written.lock().unwrap().is_empty());
    line.connectivity.set(true);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(*line.written.lock().unwrap(), ["a", "b", "c"]);
    outbox.close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_there_is_no_connection_for_when_the_outbox_closes_is_told_one_by_one() {
    let (line, publisher, outbox) = open(true, 9);
    tokio::task::yield_now().await;
    line.connectivity.set(false);
    for _ in 0..3 {
        post(&publisher, "never").unwrap();
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let error = outbox.close().await.unwrap_err();
    assert_eq!(error.message(), "3 messages in the outbox could not be sent");
    let failed = |observation: &Observation| matches!(observation, Observation::Failed { .. });
    assert_eq!(line.monitor.take().iter().filter(|it| failed(it)).count(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_monitor_is_told_of_what_the_broker_did_not_take() {
    let (line, publisher, outbox) = open(true, 9);
    post(&publisher, "bad").unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let failed = |observation: &Observation| matches!(observation, Observation::Failed { .. });
    assert_eq!(line.monitor.take().iter().filter(|it| failed(it)).count(), 1);
    post(&publisher, "bad").unwrap();
    post(&publisher, "good").unwrap();
    let error = outbox.close().await.unwrap_err();
    assert_eq!(error.message(), "1 messages in the outbox could not be sent");
    assert!(matches!(post(&publisher, "late"), Err(PublishError::Closed)));
    let late = publisher.request(Headers::new(), Bytes::new()).await;
    assert!(matches!(late, Err(PublishError::Closed)), "{late:?}");
}

#[tokio::test(start_paused = true)]
async fn what_the_broker_has_not_confirmed_in_time_is_told_one_by_one() {
    let (line, publisher, outbox) = open(true, 9);
    post(&publisher, "never").unwrap();
    post(&publisher, "never").unwrap();
    post(&publisher, "good").unwrap();
    let error = outbox.close().await.unwrap_err();
    assert_eq!(error.message(), "2 messages in the outbox could not be sent");
    let failed = |observation: &Observation| matches!(observation, Observation::Failed { .. });
    assert_eq!(line.monitor.take().iter().filter(|it| failed(it)).count(), 2);
}

#[tokio::test(start_paused = true)]
async fn closing_goes_on_without_who_asked_for_it_and_tells_if_the_broker_did_not_hear() {
    let (line, publisher, outbox) = open(true, 9);
    post(&publisher, "a").unwrap();
    tokio::time::sleep(Duration::from_millis(1)).await;
    line.connectivity.set(false);
    assert!(outbox.close().now_or_never().is_none());
    let error = outbox.close().await.unwrap_err();
    assert_eq!(error.message(), "the broker could not be told of the end");
    assert_eq!(line.written.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_too_large_never_leaves() {
    let (line, publisher, _outbox) = open(true, 9);
    assert!(matches!(post(&publisher, "0123456789"), Err(PublishError::TooLarge { limit: 9, .. })));
    let sent = publisher.request(Headers::new(), "0123456789".into()).await;
    assert!(matches!(sent, Err(PublishError::TooLarge { .. })), "{sent:?}");
    publisher.request(Headers::new(), "small".into()).await.unwrap();
    assert_eq!(line.written.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn an_outbox_may_have_any_bound() {
    let (_line, publisher, _outbox) = open(true, usize::MAX);
    assert!(post(&publisher, "first").is_ok());
}
