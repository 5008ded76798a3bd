//! Requests whose headers the client can't read, and removing them.
//!
//! A client in another language can store headers that NATS takes and async-nats doesn't: with a bare carriage return,
//! which is the end of the client, or not in UTF-8, which ends the connection. Delivered again and again, such a request
//! would do that to each server in turn, for ever. So when a client has died, or a connection was lost twice within hours
//! though the broker was there all the while, a server looks through what is delivered and not acknowledged, and makes dead
//! letters of what it finds.

use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::jetstream::Context;
use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::stream::DeleteMessageErrorKind;
use async_nats::{HeaderName, HeaderValue, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use occamy_core::transport::header;
use occamy_core::{Error, ErrorKind, Headers};
use serde::{Deserialize, Serialize};

use crate::encoding::{encode, size};
use crate::link::Link;
use crate::message::MESSAGE_ID;

/// The header of a dead letter that has the headers in it that could not be read, as bytes.
const RAW_HEADERS: &str = "occamy-raw-headers";
/// How long a lost connection is remembered. Each lease another server of a fleet is hit, so that it may be long until the
/// same is hit again.
const WINDOW: Duration = Duration::from_secs(6 * 60 * 60);

/// Whether connections are lost in a way that points to headers that can't be read.
#[derive(Default)]
pub(crate) struct Suspicion {
    lost: Option<Instant>,
    quick: Option<Instant>,
}

impl Suspicion {
    pub(crate) fn disconnected(&mut self, now: Instant) {
        self.lost = Some(now);
    }

    /// True if this is the second time within the window that the broker was there again at once.
    pub(crate) fn reconnected(&mut self, now: Instant) -> bool {
        const AT_ONCE: Duration = Duration::from_secs(1);
        let within = |earlier: Option<Instant>, time| earlier.is_some_and(|it| now.duration_since(it) < time);
        if !within(self.lost.take(), AT_ONCE) {
            return false;
        }
        let again = within(self.quick, WINDOW);
        self.quick = Some(now);
        again
    }
}

/// A message as it is stored. Asked for in this way, the client doesn't read its headers.
#[derive(Deserialize)]
struct Stored {
    seq: u64,
    time: String,
    #[serde(default)]
    hdrs: String,
    #[serde(default)]
    data: String,
}

#[derive(Deserialize)]
struct Answer {
    /// None is left, if there is none.
    message: Option<Stored>,
}

#[derive(Serialize)]
struct Question<'a> {
    seq: u64,
    /// The first of this subject from there on.
    next_by_subj: &'a str,
}

/// Looks through what is delivered and not acknowledged whenever there is a suspicion: once at a time, and once more if
/// there was another one meanwhile.
pub(crate) async fn sweep_when_told(link: Arc<Link>) {
    loop {
        link.suspicious.notified().await;
        if let Err(error) = sweep(&link).await {
            tracing::warn!(%error, "requests that can't be read could not be looked for");
        }
    }
}

async fn sweep(link: &Link) -> Result<(), async_nats::Error> {
    let (context, names) = (link.context(), &link.builder.names);
    let consumer: PullConsumer =
        context.get_consumer_from_stream(&names.consumer, &names.request_stream).await?;
    let info = consumer.cached_info();
    let (mut seq, last) = (info.ack_floor.stream_sequence + 1, info.delivered.stream_sequence);
    while seq <= last {
        let question = Question { seq, next_by_subj: &names.request_subject };
        let subject = format!("STREAM.MSG.GET.{}", names.request_stream);
        let Answer { message: Some(stored) } = context.request(subject, &question).await? else { break };
        seq = stored.seq + 1;
        let headers = STANDARD.decode(&stored.hdrs)?;
        if stored.seq <= last && is_unreadable(&headers) {
            remove(link, &context, &stored, headers).await?;
        }
    }
    Ok(())
}

/// Puts it where dead letters go, then takes it out of the stream.
async fn remove(
    link: &Link,
    context: &Context,
    stored: &Stored,
    raw: Vec<u8>,
) -> Result<(), async_nats::Error> {
    let names = &link.builder.names;
    let body = Bytes::from(STANDARD.decode(&stored.data)?);
    let error =
        Error::new(ErrorKind::InvalidHeaders, "the headers can't be read: they are not as NATS has them");
    let buried = header::bury(Headers::new(), &error, &names.request_subject, 1);
    let id = format!("{}.{}-unreadable", stored.seq, stored.time);
    // As much as there is room for.
    let ways = [buried.clone().with(RAW_HEADERS, Bytes::from(raw)), buried, Headers::new()];
    for (index, headers) in ways.iter().enumerate() {
        let mut headers = encode(headers)?;
        if index < 2 {
            headers.insert(MESSAGE_ID, &*id);
        }
        if size(&headers, body.len()) <= link.client().max_payload() {
            context.publish_with_headers(names.dead_subject.clone(), headers, body).await?.await?;
            break;
        }
    }
    let stream = context.get_stream_no_info(&names.request_stream).await?;
    match stream.delete_message(stored.seq).await {
        Ok(_) => link.shelf.fail(error),
        // Another server was first.
        Err(error) if matches!(error.kind(), DeleteMessageErrorKind::JetStream(_)) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// True if the client can't read this block of headers. It goes through it just as the client does.
fn is_unreadable(block: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(block) else { return true };
    let mut lines = text.lines().peekable();
    // What has no headers at all has no block of them.
    let Some(first) = lines.next() else { return false };
    let Some(status) = first.strip_prefix("NATS/1.0").map(str::trim) else { return true };
    let code = status.split(' ').next().unwrap_or_default().trim();
    if !code.is_empty() && StatusCode::from_str(code).is_err() {
        return true;
    }
    while let Some(line) = lines.next() {
        if line.is_empty() {
            continue;
        }
        let Some((name, value)) = line.split_once(':') else { return true };
        let mut value = value.to_owned();
        // Lines that begin with a blank belong to the value.
        while let Some(more) = lines.next_if(|line| line.starts_with(char::is_whitespace)) {
            value.push_str(more);
        }
        if HeaderName::from_str(name).is_err() || HeaderValue::from_str(value.trim()).is_err() {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_client_reads_is_readable() {
        for block in [
            "",
            "NATS/1.0\r\n\r\n",
            "NATS/1.0\r\na: b\r\nc:d\r\n e\r\n\r\n",
            "NATS/1.0\r\na: größe:\r\n\r\n",
            "NATS/1.0 503 no\r\na: b\r\r\n\r\n",
        ] {
            assert!(!is_unreadable(block.as_bytes()), "{block:?}");
        }
        for block in [
            &b"NATS/1.0\r\na: b\rc\r\n\r\n"[..],
            b"NATS/1.0\r\na: b\r\n c\rd\r\n\r\n",
            b"NATS/1.0\r\na: \xff\r\n\r\n",
            b"NATS/1.0\r\na b: c\r\n\r\n",
            b"NATS/1.0\r\nabc\r\n\r\n",
            b"NATS/1.0 abc\r\n\r\n",
            b"NATS/2\r\na: b\r\n\r\n",
            b"x",
            b"NATS/1.0\r\n a: b\r\n\r\n",
            b"NATS/1.0\r\na: b\r\r\n c\r\n\r\n",
        ] {
            assert!(is_unreadable(block), "{block:?}");
        }
    }

    #[test]
    fn two_quick_losses_within_hours_are_suspicious() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs_f64(seconds);
        let lose = |suspicion: &mut Suspicion, lost, back| {
            suspicion.disconnected(at(lost));
            suspicion.reconnected(at(back))
        };
        let mut suspicion = Suspicion::default();
        assert!(!lose(&mut suspicion, 0.0, 0.1), "the first");
        assert!(!lose(&mut suspicion, 5.0, 7.0), "the broker was away");
        assert!(lose(&mut suspicion, 600.0, 600.1), "in a fleet of twenty");
        let day = 24.0 * 60.0 * 60.0;
        assert!(!lose(&mut suspicion, day, day + 0.1), "the last one was long ago");
    }
}
