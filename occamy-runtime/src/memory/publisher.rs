//! Sending through the embedded broker: at once, or from an outbox.

use bytes::Bytes;
use futures_util::FutureExt;
use occamy_core::transport::{PublishError, Publisher};
use occamy_core::{BoxFuture, Error, ErrorKind, Headers, Observation};
use tokio::sync::{mpsc, oneshot};

use super::MemoryBroker;
use super::message::{Observer, tell};

pub(super) struct MemoryPublisher {
    broker: MemoryBroker,
    outbox: mpsc::Sender<Letter>,
}

enum Letter {
    Message(Address, Headers, Bytes),
    /// Answered when everything before has been sent.
    Flush(oneshot::Sender<()>),
}

#[derive(Clone, Copy, Debug)]
enum Address {
    Request,
    Control,
}

impl MemoryPublisher {
    pub(super) fn new(broker: MemoryBroker, observer: Observer) -> Self {
        let (outbox, letters) = mpsc::channel(broker.settings().outbox);
        tokio::spawn(send_letters(broker.clone(), letters, observer));
        Self { broker, outbox }
    }

    /// Resolves when everything that is in the outbox now has been sent.
    pub(super) async fn flush(&self) -> Result<(), PublishError> {
        let (done, flushed) = oneshot::channel();
        self.outbox.send(Letter::Flush(done)).await.map_err(|_| PublishError::Closed)?;
        flushed.await.map_err(|_| PublishError::Closed)
    }

    fn post(&self, address: Address, headers: Headers, body: Bytes) -> Result<(), PublishError> {
        self.broker.check_size(&headers, &body)?;
        self.outbox.try_send(Letter::Message(address, headers, body)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => PublishError::Full,
            mpsc::error::TrySendError::Closed(_) => PublishError::Closed,
        })
    }
}

async fn send_letters(broker: MemoryBroker, mut letters: mpsc::Receiver<Letter>, observer: Observer) {
    while let Some(letter) = letters.recv().await {
        match letter {
            Letter::Message(address, headers, body) => {
                if let Err(error) = broker.publish(address, headers, body).await {
                    let error =
                        Error::new(ErrorKind::UnknownTask, "a message in the outbox could not be sent")
                            .with_source(error);
                    tell(&observer, &Observation::Failed { group: "".into(), error });
                }
            }
            Letter::Flush(done) => drop(done.send(())),
        }
    }
}

impl Publisher for MemoryPublisher {
    fn request(&self, headers: Headers, body: Bytes) -> BoxFuture<'static, Result<(), PublishError>> {
        self.broker.clone().publish_owned(Address::Request, headers, body)
    }

    fn control(&self, headers: Headers, body: Bytes) -> BoxFuture<'static, Result<(), PublishError>> {
        self.broker.clone().publish_owned(Address::Control, headers, body)
    }

    fn try_request(&self, headers: Headers, body: Bytes) -> Result<(), PublishError> {
        self.post(Address::Request, headers, body)
    }

    fn try_control(&self, headers: Headers, body: Bytes) -> Result<(), PublishError> {
        self.post(Address::Control, headers, body)
    }
}

impl MemoryBroker {
    fn publish_owned(
        self,
        address: Address,
        headers: Headers,
        body: Bytes,
    ) -> BoxFuture<'static, Result<(), PublishError>> {
        async move { self.publish(address, headers, body).await }.boxed()
    }

    async fn publish(&self, address: Address, headers: Headers, body: Bytes) -> Result<(), PublishError> {
        self.check_size(&headers, &body)?;
        let latency = self.latency();
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let bound = self.settings().control_queue;
        self.change(|state| {
            if state.faults.refuses_publish() {
                return Err(PublishError::Broker("the broker could not be reached".into()));
            }
            match address {
                Address::Request => state.store(headers, body),
                Address::Control => state.fan_out(&headers, &body, bound),
            }
            Ok(())
        })
    }

    fn check_size(&self, headers: &Headers, body: &Bytes) -> Result<(), PublishError> {
        let (size, limit) = (headers.size() + body.len(), self.settings().max_message);
        if size > limit { Err(PublishError::TooLarge { size, limit }) } else { Ok(()) }
    }
}
