//! Control messages: from the server's own queue to whoever takes them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use lapin::Acker;
use lapin::Consumer;
use lapin::message::Delivery;
use lapin::options::BasicAckOptions;
use occamy_core::transport::{ControlStream, header, settlement_error};
use occamy_core::{BoxFuture, Error, Headers, Message, MessageOrigin, Verdict};
use tokio::sync::mpsc;

use crate::link::Link;
use crate::message::headers;
use crate::names::SYSTEM;
use crate::transport::Connection;

/// Passes on what comes, until the connection is lost: why. What nobody has room for stays at RabbitMQ.
pub(crate) async fn pass_on(link: Arc<Link>, mut consumer: Consumer) -> String {
    loop {
        // Without one nobody takes them any more.
        let place = link.controls.reserve().await.ok();
        let Delivery { properties, data, acker, .. } = match consumer.next().await {
            Some(Ok(delivery)) => delivery,
            Some(Err(error)) => return error.to_string(),
            None => return "the queue of control messages is gone".into(),
        };
        let (decoded, invalid) = headers(properties.headers());
        if invalid.is_none()
            && link.listens.load(Ordering::Relaxed)
            && let Some(place) = place
        {
            let (headers, _) = header::take_own(decoded);
            let origin = MessageOrigin::new(SYSTEM, link.builder.names.control_exchange.as_str());
            place.send(Control { headers, body: data.into(), origin, acker });
            continue;
        }
        if let Some(error) = invalid {
            link.shelf.fail(error);
        }
        // Who only sends, has stopped listening, or can't read it, must not have them pile up.
        if let Err(error) = acker.ack(BasicAckOptions::default()).await {
            return error.to_string();
        }
    }
}

/// A control message. It is acknowledged when it is taken in, whatever comes of it: every server has its own copy.
pub(crate) struct Control {
    headers: Headers,
    body: Bytes,
    origin: MessageOrigin,
    acker: Acker,
}

impl Message for Control {
    fn headers(&self) -> &Headers {
        &self.headers
    }

    fn body(&self) -> &Bytes {
        &self.body
    }

    fn attempt(&self) -> u32 {
        1
    }

    fn origin(&self) -> Option<MessageOrigin> {
        Some(self.origin.clone())
    }

    fn settle(self: Box<Self>, verdict: Verdict) -> BoxFuture<'static, Result<(), Error>> {
        async move {
            // One that was delivered by a connection that is gone comes again.
            let taken = self.acker.ack(BasicAckOptions::default()).await;
            taken.map(drop).map_err(|error| {
                settlement_error(verdict.kind(), "the acknowledgement was not sent").with_source(error)
            })
        }
        .boxed()
    }
}

/// The stream of them.
pub(crate) struct Controls {
    /// `None` in a second stream, which there should not be: it ends at once.
    pub(crate) messages: Option<mpsc::Receiver<Control>>,
    pub(crate) connection: Arc<Connection>,
}

impl ControlStream for Controls {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Box<dyn Message>>, Error>> {
        async move {
            let Some(messages) = &mut self.messages else { return Ok(None) };
            tokio::select! {
                biased;
                message = messages.recv() => Ok(message.map(|message| Box::new(message) as Box<dyn Message>)),
                () = self.connection.link.closed.cancelled() => Ok(None),
            }
        }
        .boxed()
    }
}
