//! Headers as NATS has them, and back.

use std::str::FromStr;

use async_nats::{HeaderMap, HeaderName, HeaderValue};
use occamy_core::transport::{PublishError, text};
use occamy_core::{Error, ErrorKind, Headers};

/// Names that begin so are the server's own: it acts on them.
const SERVERS_OWN: &str = "nats-";

/// Headers as they are sent.
pub(crate) fn encode(headers: &Headers) -> Result<HeaderMap, PublishError> {
    let mut map = HeaderMap::new();
    for (name, value) in text::encode(headers) {
        if is_servers_own(&name) {
            let why = format!("header {name:?}: names that begin with Nats- are the server's own");
            return Err(invalid(why));
        }
        let name = HeaderName::from_str(&name).map_err(|error| invalid(format!("{name:?}: {error}")))?;
        let value = HeaderValue::from_str(&value).map_err(|error| invalid(format!("{name}: {error}")))?;
        map.append(name, value);
    }
    Ok(map)
}

/// Headers as they were sent, by us or by any client, without the server's own.
pub(crate) fn decode(map: Option<&HeaderMap>) -> Result<Headers, Error> {
    text::decode(pairs(map).map(|(name, value)| (name, value.as_bytes())))
}

/// The headers where not all can be understood: what claims to be ours and is not is kept as the text that it is. For a
/// dead letter.
pub(crate) fn decode_leniently(map: Option<&HeaderMap>) -> Headers {
    let understood = |value: &str| text::decode_value(value.as_bytes()).unwrap_or_else(|_| value.into());
    pairs(map).map(|(name, value)| (text::decode_name(name), understood(value))).collect()
}

fn pairs(map: Option<&HeaderMap>) -> impl Iterator<Item = (&str, &str)> {
    let all = map.into_iter().flat_map(HeaderMap::iter);
    let pairs = all.flat_map(|(name, values)| {
        let name: &str = name.as_ref();
        values.iter().map(move |value| (name, value.as_str()))
    });
    pairs.filter(|(name, _)| !is_servers_own(name))
}

/// How many bytes of headers JetStream stores with a message.
pub(crate) const MAX_HEADERS: usize = u16::MAX as usize;

/// What headers and body take of the server's limit.
pub(crate) fn size(headers: &HeaderMap, body: usize) -> usize {
    if headers.is_empty() {
        return body;
    }
    const FRAME: usize = "NATS/1.0\r\n\r\n".len();
    const LINE: usize = ": \r\n".len();
    let headers = headers.iter().map(|(name, values)| {
        let name: &str = name.as_ref();
        values.iter().map(|value| name.len() + value.as_str().len() + LINE).sum::<usize>()
    });
    FRAME + headers.sum::<usize>() + body
}

fn is_servers_own(name: &str) -> bool {
    name.get(..SERVERS_OWN.len()).is_some_and(|start| start.eq_ignore_ascii_case(SERVERS_OWN))
}

fn invalid(why: String) -> PublishError {
    PublishError::Headers(Error::new(ErrorKind::InvalidHeaders, why))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use occamy_core::Value;

    use super::*;

    #[test]
    fn every_type_comes_back_and_a_name_may_be_there_twice() {
        let mut headers = Headers::new()
            .with("text", "a b")
            .with("number", -7)
            .with("bytes", Bytes::from_static(b"\xff\r\n"))
            .with("größe: XL", true)
            .with("list", Value::list([1, 2]).unwrap());
        headers.append("number", 8);
        let decoded = decode(Some(&encode(&headers).unwrap())).unwrap();
        assert!(decoded.eq_unordered(&headers), "{decoded:?}");
    }

    #[test]
    fn the_servers_own_are_neither_sent_nor_shown() {
        for name in ["Nats-Msg-Id", "nats-expected-stream"] {
            let error = encode(&Headers::new().with(name, "x")).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
        let mut map = encode(&Headers::new().with("natsy", "x")).unwrap();
        map.insert("Nats-Msg-Id", "7");
        assert_eq!(decode(Some(&map)).unwrap(), Headers::new().with("natsy", "x"));
    }

    #[test]
    fn what_only_looks_like_ours_is_an_error_and_is_kept_for_a_dead_letter() {
        let mut map = HeaderMap::new();
        map.insert("a", "occamy:int:seven");
        map.insert("b", "occamy:int:7");
        assert_eq!(decode(Some(&map)).unwrap_err().kind(), ErrorKind::InvalidHeaders);
        let kept = decode_leniently(Some(&map));
        assert!(kept.eq_unordered(&Headers::new().with("a", "occamy:int:seven").with("b", 7)), "{kept:?}");
    }

    #[test]
    fn the_size_is_that_on_the_wire() {
        let map = encode(&Headers::new().with("ab", "cde")).unwrap();
        assert_eq!(size(&map, 5), "NATS/1.0\r\nab: cde\r\n\r\n".len() + 5);
        assert_eq!(size(&HeaderMap::new(), 7), 7);
    }
}
