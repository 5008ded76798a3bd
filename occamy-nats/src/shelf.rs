//! What has come from the broker and waits for the server to take it.

use std::collections::VecDeque;

use bytes::Bytes;
use occamy_core::{Error, Headers};

use crate::message::Request;

/// How many bytes of control messages wait at most.
const CONTROL_BYTES: usize = 64 << 20;
/// How many errors wait for the server to hear of them.
const ERRORS: usize = 16;

/// What lies between the thread of the connection and the streams of the server.
#[derive(Default)]
pub(crate) struct Shelf {
    /// How many requests the server would start now.
    pub(crate) credit: usize,
    /// How many settlements are under way.
    pub(crate) settling: usize,
    pub(crate) requests: VecDeque<Request>,
    errors: VecDeque<Error>,
    controls: VecDeque<(Headers, Bytes)>,
    control_bytes: usize,
    /// The server has asked for the stream of control messages.
    pub(crate) listens: bool,
    /// The server takes no more requests.
    pub(crate) draining: bool,
    /// And none is left.
    pub(crate) drained: bool,
    /// The connection has ended.
    pub(crate) closed: bool,
}

/// What a stream of requests is given.
pub(crate) enum Next {
    Request(Request),
    Error(Error),
    End,
}

impl Shelf {
    /// How many requests are wanted, those that have come already included.
    pub(crate) fn wanted(&self) -> usize {
        if self.draining || self.closed { 0 } else { self.credit.saturating_sub(self.settling) }
    }

    /// The next for a server that would start so many.
    pub(crate) fn next(&mut self, credit: usize) -> Option<Next> {
        self.credit = credit;
        if self.draining || self.closed {
            return Some(Next::End);
        }
        if let Some(error) = self.errors.pop_front() {
            return Some(Next::Error(error));
        }
        if self.wanted() == 0 {
            return None;
        }
        let request = self.requests.pop_front()?;
        self.credit -= 1;
        Some(Next::Request(request))
    }

    /// A request has come. Returns it if nobody will take it any more.
    pub(crate) fn put(&mut self, request: Request) -> Option<Request> {
        if self.closed {
            return Some(request);
        }
        self.requests.push_back(request);
        None
    }

    /// What has come beyond what is wanted, the youngest first. Dropped, it goes back.
    pub(crate) fn surplus(&mut self) -> Vec<Request> {
        let wanted = self.wanted().min(self.requests.len());
        self.requests.drain(wanted..).rev().collect()
    }

    /// Has the server hear of an error, unless it has not yet heard of many.
    pub(crate) fn fail(&mut self, error: Error) {
        if self.errors.len() < ERRORS {
            self.errors.push_back(error);
        }
    }

    /// A control message has come. Returns how many had to be dropped for it.
    pub(crate) fn put_control(&mut self, headers: Headers, body: Bytes, bound: usize) -> usize {
        if !self.listens {
            return 0;
        }
        self.control_bytes += headers.size() + body.len();
        self.controls.push_back((headers, body));
        let mut dropped = 0;
        while self.controls.len() > bound || (self.control_bytes > CONTROL_BYTES && self.controls.len() > 1) {
            self.next_control();
            dropped += 1;
        }
        dropped
    }

    pub(crate) fn next_control(&mut self) -> Option<(Headers, Bytes)> {
        let (headers, body) = self.controls.pop_front()?;
        self.control_bytes -= headers.size() + body.len();
        Some((headers, body))
    }
}

#[cfg(test)]
mod tests {
    use occamy_core::ErrorKind;

    use super::*;

    #[test]
    fn nobody_who_does_not_listen_has_control_messages_kept_for_him() {
        let mut shelf = Shelf::default();
        assert_eq!(shelf.put_control(Headers::new(), Bytes::from("lost"), 9), 0);
        shelf.listens = true;
        assert!(shelf.next_control().is_none());
    }

    #[test]
    fn the_oldest_control_messages_make_room_for_new_ones() {
        let mut shelf = Shelf { listens: true, ..Shelf::default() };
        let dropped: Vec<usize> =
            ["a", "b", "c"].map(|body| shelf.put_control(Headers::new(), Bytes::from(body), 2)).into();
        assert_eq!(dropped, [0, 0, 1]);
        let large = Bytes::from(vec![0; CONTROL_BYTES]);
        assert_eq!(shelf.put_control(Headers::new(), large.clone(), 9), 2);
        assert_eq!(shelf.put_control(Headers::new(), large, 9), 1, "one is kept, however large");
        assert!(shelf.next_control().is_some() && shelf.next_control().is_none());
        assert_eq!(shelf.control_bytes, 0);
    }

    #[test]
    fn errors_come_before_requests_and_are_bounded() {
        let mut shelf = Shelf::default();
        for _ in 0..99 {
            shelf.fail(Error::new(ErrorKind::UnknownTask, "no"));
        }
        let errors = std::iter::from_fn(|| shelf.next(1)).take_while(|next| matches!(next, Next::Error(_)));
        assert_eq!(errors.count(), ERRORS);
    }

    #[test]
    fn settlements_count_against_the_credit() {
        let mut shelf = Shelf { settling: 2, ..Shelf::default() };
        assert!(shelf.next(3).is_none());
        assert_eq!(shelf.wanted(), 1);
        shelf.draining = true;
        assert_eq!(shelf.wanted(), 0);
        assert!(matches!(shelf.next(3), Some(Next::End)));
    }
}
