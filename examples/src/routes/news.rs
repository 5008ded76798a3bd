//! What a master tells the client of its request, as control messages.
//!
//! Such a message may get lost, while somebody reconnects. So each says all there is to say, and the last is repeated until
//! the client has answered it.

use std::time::Duration;

use bytes::Bytes;
use occamy_core::transport::header;
use occamy_core::{Error, Headers};

use super::assistant::{FINISHED, LENGTH};
use super::job::{REQUEST, from_micros, to_micros};
use crate::tsp::Tour;

/// In a client's answer, which goes to the master: it has the result, or wants it no longer.
pub(super) const ENOUGH: &str = "enough";

/// How long it took from sending to the start, in microseconds.
const START_LATENCY: &str = "start-latency";

/// How far a request has got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct News {
    /// From sending to the first statement of the task.
    pub(super) start_latency: Duration,
    /// The best tour so far, with its length.
    pub(super) best: Option<(i64, Tour)>,
    /// There will be no better one.
    pub(super) finished: bool,
}

impl News {
    /// The message with these news of a request, for the client with this address.
    pub(super) fn encode(&self, address: &str, request: &str) -> Result<(Headers, Bytes), Error> {
        let headers = Headers::new()
            .with(header::TASK_ID, address)
            .with(REQUEST, request)
            .with(START_LATENCY, to_micros(self.start_latency)?)
            .with(FINISHED, self.finished);
        Ok(match &self.best {
            Some((length, tour)) => (headers.with(LENGTH, *length), tour.encode()),
            None => (headers, Bytes::new()),
        })
    }

    /// The news of a message, of a request for a tour of so many cities.
    pub(super) fn decode(headers: &Headers, body: &Bytes, cities: usize) -> Result<Self, Error> {
        let best = match headers.optional_integer(LENGTH)? {
            Some(length) => Some((length, Tour::decode(body, cities).map_err(Error::other)?)),
            None => None,
        };
        Ok(Self {
            start_latency: from_micros(headers.integer(START_LATENCY)?)?,
            best,
            finished: headers.bool(FINISHED)?,
        })
    }
}

/// What a client answers to the last news of a request, or says when it gives up.
pub(super) fn enough(request: &str) -> Headers {
    Headers::new().with(header::TASK_ID, request).with(ENOUGH, true)
}

#[cfg(test)]
mod tests {
    use occamy_core::ErrorKind;

    use super::*;

    #[test]
    fn news_survive_their_message() {
        let tour = Tour::new(vec![2, 0, 1]).unwrap();
        for best in [None, Some((7, tour))] {
            let news = News { start_latency: Duration::from_micros(1_234), best, finished: true };
            let (headers, body) = news.encode("client", "a").unwrap();
            assert_eq!(headers.string(header::TASK_ID).unwrap(), "client");
            assert_eq!(headers.string(REQUEST).unwrap(), "a");
            assert_eq!(News::decode(&headers, &body, 3).unwrap(), news);
        }
    }

    #[test]
    fn other_messages_are_errors() {
        let tour = Tour::new(vec![2, 0, 1]).unwrap();
        let news = News { best: Some((7, tour)), ..News::default() };
        let (headers, body) = news.encode("client", "a").unwrap();
        assert!(News::decode(&headers, &body, 4).is_err());
        assert!(News::decode(&headers, &Bytes::new(), 3).is_err());
        for (name, value) in [(START_LATENCY, -1), (FINISHED, 1)] {
            let mut headers = headers.clone();
            headers.insert(name, value);
            let error = News::decode(&headers, &body, 3).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidHeaders, "{name}");
        }
    }
}
