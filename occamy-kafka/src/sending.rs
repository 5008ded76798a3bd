//! Writing requests and control messages, and what follows from requests.

use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use occamy_core::transport::PublishError;
use occamy_core::{BoxFuture, Headers};
use occamy_transport::{Address, Confirmation, Connectivity, Line};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::future_producer::DeliveryFuture;
use rdkafka::producer::{FutureRecord, Producer};
use tokio::time::{Instant, sleep};

use crate::headers::{encode, size};
use crate::link::Link;

/// A record that can be written as it is. Cloning is cheap but for the headers.
#[derive(Clone)]
pub(crate) struct Letter {
    topic: String,
    partition: Option<i32>,
    key: Option<Bytes>,
    headers: OwnedHeaders,
    body: Bytes,
}

impl Letter {
    /// A copy of what was a request before, to this partition or to any.
    pub(crate) fn copy(
        topic: &str,
        partition: Option<i32>,
        key: Option<&Bytes>,
        headers: &Headers,
        body: &Bytes,
    ) -> Self {
        Self {
            topic: topic.to_owned(),
            partition,
            key: key.cloned(),
            headers: encode(headers),
            body: body.clone(),
        }
    }
}

impl Letter {
    /// The same to another partition, if it names one.
    pub(crate) fn elsewhere(&mut self, link: &Link) {
        if self.partition.is_some() {
            self.partition = link.others_partition();
        }
    }
}

impl Link {
    /// A partition that another server has, if there is one.
    pub(crate) fn others_partition(&self) -> Option<i32> {
        let own = self.assignment.all();
        let others: Vec<i32> =
            (0..self.partitions()).filter(|number| own.iter().all(|part| part.number != *number)).collect();
        if others.is_empty() { None } else { Some(others[fastrand::usize(..others.len())]) }
    }
}

impl Link {
    /// Hands a record to the client as soon as that has room for it.
    async fn enqueue(
        &self,
        mut record: FutureRecord<'_, [u8], [u8]>,
    ) -> Result<DeliveryFuture, PublishError> {
        const PAUSE: Duration = Duration::from_millis(10);
        const FULL: RDKafkaErrorCode = RDKafkaErrorCode::QueueFull;
        let deadline = Instant::now() + self.patience();
        loop {
            match self.producer.send_result(record) {
                Ok(written) => return Ok(written),
                Err((error, back))
                    if error.rdkafka_error_code() == Some(FULL) && Instant::now() < deadline =>
                {
                    record = back;
                }
                Err((error, _)) => return Err(broker(error)),
            }
            sleep(PAUSE).await;
        }
    }
}

impl Line for Link {
    type Letter = Letter;

    fn letter(&self, address: Address, headers: &Headers, body: Bytes) -> Result<Letter, PublishError> {
        let (size, limit) = (size(headers).saturating_add(body.len()), self.builder.max_message);
        if size > limit {
            return Err(PublishError::TooLarge { size, limit });
        }
        let names = &self.builder.names;
        let topic = match address {
            Address::Request => &names.request_topic,
            Address::Control => &names.control_topic,
        };
        Ok(Letter::copy(topic, None, None, headers, &body))
    }

    fn write(&self, letter: Letter) -> BoxFuture<'_, Result<Confirmation, PublishError>> {
        async move {
            if self.closed.is_cancelled() {
                return Err(PublishError::Closed);
            }
            if !self.connectivity.connected_within(self.patience()).await {
                return Err(broker("Kafka could not be reached within the publish timeout"));
            }
            let Letter { topic, partition, key, headers, body } = letter;
            let record = FutureRecord {
                topic: &topic,
                partition,
                payload: Some(&body[..]),
                key: key.as_deref(),
                timestamp: None,
                headers: Some(headers),
            };
            let written = self.enqueue(record).await?;
            let confirmed: Confirmation = async move {
                match written.await {
                    Ok(Ok(_)) => Ok(()),
                    Ok(Err((error, _))) => Err(broker(error)),
                    Err(_) => Err(PublishError::Closed),
                }
            }
            .boxed();
            Ok(confirmed)
        }
        .boxed()
    }

    fn patience(&self) -> Duration {
        self.builder.publish_timeout
    }

    fn connectivity(&self) -> &Connectivity {
        &self.connectivity
    }

    fn hang_up(&self) -> BoxFuture<'_, bool> {
        async move {
            // However long that takes, and though nobody waits for it, the transport ends after it.
            let closing = self.closing.clone().drop_guard();
            let (producer, patience) = (self.producer.clone(), self.patience());
            let flushed = tokio::task::spawn_blocking(move || producer.flush(patience)).await;
            let connected = self.connectivity.is_connected();
            drop(closing);
            self.closed.cancelled().await;
            flushed.is_ok_and(|flushed| flushed.is_ok()) && connected
        }
        .boxed()
    }
}

fn broker(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> PublishError {
    PublishError::Broker(error.into())
}
