use std::sync::OnceLock;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use super::*;
use crate::{Headers, Message, NoopMonitor, TestMessage, Verdict};

/// The least that a transport can be: it has one request, and takes one publication.
#[derive(Default)]
struct OneMessage {
    sent: Arc<OnceLock<(Headers, Bytes)>>,
}

struct Requests(Option<TestMessage>);
struct NoControls;
struct Sender(Arc<OnceLock<(Headers, Bytes)>>);

impl Transport for OneMessage {
    fn requests(&self, _: &ReceiveOptions) -> Box<dyn RequestStream> {
        Box::new(Requests(Some(TestMessage::new(Headers::new(), "body"))))
    }

    fn controls(&self, _: &ReceiveOptions) -> Box<dyn ControlStream> {
        Box::new(NoControls)
    }

    fn publisher(&self) -> Arc<dyn Publisher> {
        Arc::new(Sender(Arc::clone(&self.sent)))
    }

    fn drain(&self) -> BoxFuture<'static, Result<(), Error>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn close(&self) -> BoxFuture<'static, Result<(), Error>> {
        self.drain()
    }
}

impl RequestStream for Requests {
    fn next(&mut self, free: usize) -> BoxFuture<'_, Result<Option<Box<dyn Message>>, Error>> {
        Box::pin(async move {
            if free == 0 {
                std::future::pending::<()>().await;
            }
            Ok(self.0.take().map(|message| Box::new(message) as Box<dyn Message>))
        })
    }
}

impl ControlStream for NoControls {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Box<dyn Message>>, Error>> {
        Box::pin(std::future::ready(Ok(None)))
    }
}

impl Publisher for Sender {
    fn request(&self, headers: Headers, body: Bytes) -> BoxFuture<'static, Result<(), PublishError>> {
        let sent = Arc::clone(&self.0);
        Box::pin(async move { sent.set((headers, body)).map_err(|_| PublishError::Full) })
    }

    fn control(&self, headers: Headers, body: Bytes) -> BoxFuture<'static, Result<(), PublishError>> {
        self.request(headers, body)
    }

    fn try_request(&self, headers: Headers, body: Bytes) -> Result<(), PublishError> {
        self.0.set((headers, body)).map_err(|_| PublishError::Full)
    }

    fn try_control(&self, headers: Headers, body: Bytes) -> Result<(), PublishError> {
        self.try_request(headers, body)
    }
}

fn poll<T>(mut future: BoxFuture<'_, T>) -> Poll<T> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_transport_is_used_as_an_object_and_its_futures_can_be_dropped() {
    let transport: Arc<dyn Transport> = Arc::new(OneMessage::default());
    let options = ReceiveOptions::new(NonZeroUsize::MIN, NoopMonitor);
    let mut requests = transport.requests(&options);
    assert!(poll(requests.next(0)).is_pending());
    let Poll::Ready(Ok(Some(message))) = poll(requests.next(1)) else { panic!("the message was lost") };
    assert_eq!(poll(message.settle(Verdict::Busy)), Poll::Ready(Ok(())));
    assert!(matches!(poll(requests.next(1)), Poll::Ready(Ok(None))));
    assert!(matches!(poll(transport.controls(&options).next()), Poll::Ready(Ok(None))));
    assert_eq!(poll(transport.close()), Poll::Ready(Ok(())));
}

#[test]
fn a_publisher_outlives_the_borrow_of_its_transport() {
    let publisher = OneMessage::default().publisher();
    let (first, second) =
        (publisher.request(Headers::new(), Bytes::new()), publisher.control(Headers::new(), Bytes::new()));
    drop(publisher);
    assert_eq!(poll(first), Poll::Ready(Ok(())));
    assert_eq!(poll(second), Poll::Ready(Err(PublishError::Full)));
}

#[test]
fn a_publication_that_fails_in_a_task_is_retried_only_if_that_can_help() {
    fn task(result: Result<(), PublishError>) -> Result<(), Error> {
        Ok(result?)
    }
    let full = task(Err(PublishError::Full)).expect_err("full");
    assert_eq!((full.kind(), full.is_retryable()), (ErrorKind::UnknownTask, true));
    let large = task(Err(PublishError::too_large(2_000_000, 1_048_576))).expect_err("too large");
    assert!(!large.is_retryable());
    assert!(large.message().contains("1048576"), "{large}");
    assert!(std::error::Error::source(&large).is_some_and(|source| source.is::<PublishError>()));
}

#[test]
fn a_failed_settlement_is_of_the_kind_that_belongs_to_the_verdict() {
    assert_eq!(settlement_error(VerdictKind::Done, "gone").kind(), ErrorKind::MessageNotAcked);
    for verdict in [VerdictKind::Failed, VerdictKind::Retry, VerdictKind::Interrupted, VerdictKind::Busy] {
        assert_eq!(settlement_error(verdict, "gone").kind(), ErrorKind::MessageNotNacked);
    }
}
