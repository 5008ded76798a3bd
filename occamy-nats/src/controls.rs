//! Control messages: what waits for the server to take it, and the stream of it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::FutureExt;
use occamy_core::transport::{ControlMessage, ControlStream};
use occamy_core::{BoxFuture, Error, Headers, Message, MessageOrigin};
use tokio::sync::Notify;

use crate::names::SYSTEM;
use crate::transport::Connection;

/// How many bytes of control messages wait at most.
const MOST_BYTES: usize = 64 << 20;

/// Control messages that have come and are not taken yet. NATS keeps none, so when they become too many the oldest go.
pub(crate) struct ControlQueue {
    bound: usize,
    state: Mutex<State>,
    /// There is one more, or none to come.
    pub(crate) filled: Notify,
}

#[derive(Default)]
struct State {
    messages: VecDeque<(Headers, Bytes)>,
    bytes: usize,
    /// The server has asked for the stream. Who only sends has none of them kept.
    listens: bool,
}

impl ControlQueue {
    pub(crate) fn new(bound: usize) -> Self {
        Self { bound, state: Mutex::default(), filled: Notify::new() }
    }

    /// From here on they are kept.
    pub(crate) fn listen(&self) {
        self.state().listens = true;
    }

    /// One has come. Returns how many had to go for it.
    pub(crate) fn put(&self, headers: Headers, body: Bytes) -> usize {
        let mut state = self.state();
        if !state.listens {
            return 0;
        }
        state.bytes += headers.size() + body.len();
        state.messages.push_back((headers, body));
        let mut dropped = 0;
        while state.messages.len() > self.bound || (state.bytes > MOST_BYTES && state.messages.len() > 1) {
            state.next();
            dropped += 1;
        }
        drop(state);
        self.filled.notify_one();
        dropped
    }

    fn next(&self) -> Option<(Headers, Bytes)> {
        self.state().next()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that holds the lock leaves it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn next(&mut self) -> Option<(Headers, Bytes)> {
        let (headers, body) = self.messages.pop_front()?;
        self.bytes -= headers.size() + body.len();
        Some((headers, body))
    }
}

/// The stream of them.
pub(crate) struct Controls(pub(crate) Arc<Connection>);

impl ControlStream for Controls {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Box<dyn Message>>, Error>> {
        async move {
            let link = &self.0.link;
            loop {
                let closed = link.closed.is_cancelled();
                match link.controls.next() {
                    Some((headers, body)) => {
                        let subject = link.builder.names.control_subject.as_str();
                        let message = ControlMessage::new(headers, body);
                        let message = message.with_origin(MessageOrigin::new(SYSTEM, subject));
                        return Ok(Some(Box::new(message) as Box<dyn Message>));
                    }
                    None if closed => return Ok(None),
                    None => tokio::select! {
                        () = link.controls.filled.notified() => {}
                        () = link.closed.cancelled() => {}
                    },
                }
            }
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_who_does_not_listen_has_control_messages_kept_for_him() {
        let queue = ControlQueue::new(9);
        assert_eq!(queue.put(Headers::new(), Bytes::from("lost")), 0);
        queue.listen();
        assert!(queue.next().is_none());
    }

    #[test]
    fn the_oldest_make_room_for_new_ones() {
        let queue = ControlQueue::new(2);
        queue.listen();
        let dropped = ["a", "b", "c"].map(|body| queue.put(Headers::new(), Bytes::from(body)));
        assert_eq!(dropped, [0, 0, 1]);
        let large = Bytes::from(vec![0; MOST_BYTES]);
        assert_eq!(queue.put(Headers::new(), large.clone()), 2);
        assert_eq!(queue.put(Headers::new(), large), 1, "one is kept, however large");
        assert!(queue.next().is_some() && queue.next().is_none());
        assert_eq!(queue.state().bytes, 0);
    }
}
