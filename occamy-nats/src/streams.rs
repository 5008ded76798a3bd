//! What a server is given: requests and control messages, off the shelf.

use std::sync::Arc;

use futures_util::FutureExt;
use occamy_core::transport::{ControlMessage, ControlStream, RequestStream};
use occamy_core::{BoxFuture, Error, Message};

use crate::shelf::Next;
use crate::transport::Connection;

/// The requests.
pub(crate) struct Requests(pub(crate) Arc<Connection>);

impl RequestStream for Requests {
    fn next(&mut self, credit: usize) -> BoxFuture<'_, Result<Option<Box<dyn Message>>, Error>> {
        async move {
            let link = &self.0.link;
            loop {
                let next = link.shelf().next(credit);
                // There may be something to pull, or too much.
                link.changed.notify_one();
                match next {
                    Some(Next::Request(request)) => return Ok(Some(Box::new(request) as Box<dyn Message>)),
                    Some(Next::Error(error)) => return Err(error),
                    Some(Next::End) => return Ok(None),
                    None => link.requests.notified().await,
                }
            }
        }
        .boxed()
    }
}

/// The control messages.
pub(crate) struct Controls(pub(crate) Arc<Connection>);

impl ControlStream for Controls {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Box<dyn Message>>, Error>> {
        async move {
            let link = &self.0.link;
            loop {
                let (next, closed) = {
                    let mut shelf = link.shelf();
                    (shelf.next_control(), shelf.closed)
                };
                match next {
                    Some((headers, body)) => {
                        return Ok(Some(Box::new(ControlMessage::new(headers, body)) as Box<dyn Message>));
                    }
                    None if closed => return Ok(None),
                    None => link.controls.notified().await,
                }
            }
        }
        .boxed()
    }
}
