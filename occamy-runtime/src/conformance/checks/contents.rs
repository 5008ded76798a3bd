//! What is in a message comes through as it was sent.

use std::sync::Arc;

use bytes::Bytes;
use occamy_core::transport::PublishError;
use occamy_core::{Error, ErrorKind, Headers, Message, Value, Verdict};

use crate::conformance::failure::{Checked, Failure};
use crate::conformance::world::{SOON, World};

/// Every type of value, in requests and in control messages.
pub(in crate::conformance) async fn typed_headers_round_trip(world: Arc<World>) -> Checked {
    let client = world.client().await?;
    let mut peer = world.peer("a").await?;
    for headers in collection()? {
        client.request(headers.clone(), Bytes::from("request")).await?;
        let message = peer.take(1, SOON).await?;
        same(&headers, &*message)?;
        message.ack().await?;
        client.control(headers.clone(), Bytes::from("control")).await?;
        let control = tokio::time::timeout(SOON, peer.controls.next()).await;
        let control = control.map_err(|_| world.log.failure("expected within 10 s: a control message"))??;
        let control = control.ok_or_else(|| Failure("the stream of control messages has ended".into()))?;
        same(&headers, &*control)?;
        control.ack().await?;
    }
    peer.close().await
}

/// Headers that a transport may stumble over, none of them with more than one name twice.
fn collection() -> Checked<Vec<Headers>> {
    let mut deep = Value::from("bottom");
    for level in 0..500 {
        deep = if level % 2 == 0 {
            Value::list([deep])?
        } else {
            Value::table(Headers::new().with("level", deep))?
        };
    }
    let floats = [0.1, -0.0, f64::MAX, f64::MIN_POSITIVE, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
    let texts = ["", " ", " around ", "a\r\nb", "a\tb", "größe", "\u{0}", "occamy:int:1", "%41", "a,b=c:[d]"];
    let bytes: Vec<u8> = (0..=255).collect();
    let numbered = |values: Vec<Value>| -> Headers {
        let numbered = values.into_iter().enumerate();
        numbered.map(|(number, value)| (format!("value-{number}"), value)).collect()
    };
    Ok(vec![
        Headers::new(),
        numbered(vec![Value::Null, true.into(), false.into()]),
        numbered(vec![0.into(), i64::MIN.into(), i64::MAX.into(), (-1).into()]),
        numbered(floats.map(Value::from).into()),
        numbered(texts.map(Value::from).into()),
        numbered(vec![Bytes::new().into(), Bytes::from(bytes).into(), Bytes::from("text").into()]),
        numbered(vec![Value::Timestamp(0), Value::Timestamp(1_700_000_000)]),
        numbered(vec![
            Value::list([1, 2, 3])?,
            Value::list(Vec::<Value>::new())?,
            Value::list([Value::from("a,b"), Value::Null, 1.5.into()])?,
            Value::table(Headers::new().with("a b", "c=d"))?,
            Value::table(Headers::new())?,
        ]),
        Headers::new().with("deep", deep),
        Headers::new().with("long", "x".repeat(16 * 1024)),
        numbered((0..200).map(Value::from).collect()),
        Headers::new()
            .with("größe", 1)
            .with("a b", 2)
            .with("a:b", 3)
            .with("%", 4)
            .with("Case", 5)
            .with("case", 6),
    ])
}

/// Fails unless these are the headers of the message, in whatever order. As texts, since no NaN is equal to itself.
fn same(expected: &Headers, message: &dyn Message) -> Checked {
    let sorted = |headers: &Headers| {
        let mut lines: Vec<String> =
            headers.iter().map(|(name, value)| format!("{name:?}: {value:?}")).collect();
        lines.sort();
        lines
    };
    let (wanted, found) = (sorted(expected), sorted(message.headers()));
    if wanted == found {
        return Ok(());
    }
    let missing: Vec<_> = wanted.iter().filter(|line| !found.contains(line)).collect();
    let surplus: Vec<_> = found.iter().filter(|line| !wanted.contains(line)).collect();
    let text = format!("expected of {:?} the headers {missing:?}; seen instead {surplus:?}", message.body());
    Err(Failure(text.chars().take(4_000).collect()))
}

/// The smallest and the largest body, also of a dead letter; and one that is larger.
pub(in crate::conformance) async fn empty_and_maximal_bodies(world: Arc<World>) -> Checked {
    let client = world.client().await?;
    let mut peer = world.peer("a").await?;
    let limit = world.subject.max_body();
    let large: Bytes = (0..limit).map(|index| (index % 251) as u8).collect();
    for body in [Bytes::new(), large.clone()] {
        client.request(Headers::new(), body.clone()).await?;
        let message = peer.take(1, 2 * SOON).await?;
        if message.body() != &body {
            let what = format!(
                "expected a body of {} bytes as it was sent; it has {}",
                body.len(),
                message.body().len()
            );
            return Err(world.log.failure(&what));
        }
        message.ack().await?;
    }
    client.request(Headers::new(), large.clone()).await?;
    let error = Error::new(ErrorKind::InvalidBody, "too much of a good thing");
    // A refusal of the first try is no more than that: the dead letter counts.
    let _ = peer.take(1, 2 * SOON).await?.settle(Verdict::Failed(error.clone())).await;
    let letters = loop {
        tokio::select! {
            letters = world.dead_letters(1, 3 * SOON) => break letters?,
            again = peer.take(1, 4 * SOON) => drop(again?.settle(Verdict::Failed(error.clone())).await),
        }
    };
    if letters.iter().any(|letter| letter.body != large) {
        return Err(Failure(format!("expected a dead letter with the largest body, of {limit} bytes")));
    }
    let too_large = Bytes::from(vec![b'x'; limit + 1]);
    match client.request(Headers::new(), too_large).await {
        Err(PublishError::TooLarge { .. }) => {}
        other => {
            return Err(Failure(format!(
                "expected the error TooLarge for a body of {} bytes; got {other:?}",
                limit + 1
            )));
        }
    }
    peer.close().await
}
