//! The embedded broker's dead letters, one after the other.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use occamy_core::transport::{self, DeadLetterError, DeadLetterStream, Publisher, header};
use occamy_core::{BoxFuture, Headers};

use super::MemoryBroker;

/// Those with numbers from here to there.
pub(super) struct DeadLetters {
    pub(super) broker: MemoryBroker,
    pub(super) publisher: Arc<dyn Publisher>,
    /// The number of the last one that was handed out.
    pub(super) after: u64,
    pub(super) last: u64,
}

impl DeadLetterStream for DeadLetters {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Box<dyn transport::DeadLetter>>, DeadLetterError>> {
        async move {
            let (after, last) = (self.after, self.last);
            let letter = self.broker.change(|state| {
                let wanted = |number| after < number && number <= last;
                let letter = state.dead.iter().find(|letter| wanted(letter.number))?;
                Some((letter.number, letter.headers.clone(), letter.body.clone()))
            });
            Ok(letter.map(|(number, headers, body)| {
                self.after = number;
                let (broker, publisher) = (self.broker.clone(), Arc::clone(&self.publisher));
                Box::new(Letter { broker, publisher, number, headers, body })
                    as Box<dyn transport::DeadLetter>
            }))
        }
        .boxed()
    }
}

struct Letter {
    broker: MemoryBroker,
    publisher: Arc<dyn Publisher>,
    number: u64,
    headers: Headers,
    body: Bytes,
}

impl Letter {
    fn take_out(&self) {
        let removed = self.broker.change(|state| {
            let place = state.dead.iter().position(|letter| letter.number == self.number);
            place.map(|place| state.dead.remove(place))
        });
        // Its error's source may be anything: not under the lock.
        drop(removed);
    }
}

impl transport::DeadLetter for Letter {
    fn headers(&self) -> &Headers {
        &self.headers
    }

    fn body(&self) -> &Bytes {
        &self.body
    }

    fn replay(self: Box<Self>) -> BoxFuture<'static, Result<(), DeadLetterError>> {
        async move {
            let (headers, _) = header::take_own(self.headers.clone());
            self.publisher.request(headers, self.body.clone()).await?;
            self.take_out();
            Ok(())
        }
        .boxed()
    }

    fn remove(self: Box<Self>) -> BoxFuture<'static, Result<(), DeadLetterError>> {
        async move {
            self.take_out();
            Ok(())
        }
        .boxed()
    }
}
