//! Headers as Kafka has them, and back.

use occamy_core::transport::text;
use occamy_core::{Error, ErrorKind, Headers, Value};
use rdkafka::message::{Header, Headers as _, OwnedHeaders};

/// Headers as they are sent: typed ones as core writes them, null as Kafka does.
pub(crate) fn encode(headers: &Headers) -> OwnedHeaders {
    let mut encoded = OwnedHeaders::new_with_capacity(headers.len());
    for (name, value) in headers.iter() {
        let (name, text) = (text::encode_name(name), text::encode_value(value));
        let value = if *value == Value::Null { None } else { Some(text.as_bytes()) };
        encoded = encoded.insert(Header { key: &name, value });
    }
    encoded
}

/// What they take of a record, roughly.
pub(crate) fn size(headers: &Headers) -> usize {
    /// The lengths of name and value, at most.
    const LENGTHS: usize = 10;
    text::encode(headers).map(|(name, value)| name.len() + value.len() + LENGTHS).sum()
}

/// Headers as they were sent, by us or by any client.
///
/// # Errors
///
/// [`ErrorKind::InvalidHeaders`], if a value is marked as ours and not well formed, if there is too much of them, or if a name
/// is not UTF-8.
pub(crate) fn decode(headers: Option<&OwnedHeaders>) -> Result<Headers, Error> {
    let Some(headers) = headers else { return Ok(Headers::new()) };
    let mut decoded = Headers::new();
    let mut size = 0_usize;
    for index in 0..headers.count() {
        let Header { key, value } = header(headers, index)?;
        size = size.saturating_add(key.len()).saturating_add(value.map_or(0, <[u8]>::len));
        if size > text::MAX_SIZE {
            let why =
                format!("more than {} bytes of headers: put what is large into the body", text::MAX_SIZE);
            return Err(Error::new(ErrorKind::InvalidHeaders, why));
        }
        let value = match value {
            None => Value::Null,
            Some(value) => text::decode_value(value).map_err(|error| {
                Error::new(ErrorKind::InvalidHeaders, format!("header {key:?}: {}", error.message()))
            })?,
        };
        decoded.append(text::decode_name(key), value);
    }
    Ok(decoded)
}

/// The headers where not all can be understood: what claims to be ours and is not is kept as it is. For a dead letter.
pub(crate) fn decode_leniently(headers: Option<&OwnedHeaders>) -> Headers {
    let Some(headers) = headers else { return Headers::new() };
    let all = (0..headers.count()).filter_map(|index| header(headers, index).ok());
    let kept = all.map(|Header { key, value }| {
        let raw = || String::from_utf8_lossy(value.unwrap_or_default()).into_owned().into();
        let value = match value {
            None => Value::Null,
            Some(value) => text::decode_value(value).unwrap_or_else(|_| raw()),
        };
        (text::decode_name(key), value)
    });
    kept.collect()
}

/// One of them. The client panics over a name that isn't UTF-8.
fn header(headers: &OwnedHeaders, index: usize) -> Result<Header<'_, &[u8]>, Error> {
    let found = std::panic::catch_unwind(|| headers.get(index));
    found.map_err(|_| Error::new(ErrorKind::InvalidHeaders, "the name of a header is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn every_type_comes_back_in_its_order_and_a_name_may_be_there_twice() {
        let mut headers = Headers::new()
            .with("text", " größe\r\n")
            .with("number", -7)
            .with("nothing", Value::Null)
            .with("empty", "")
            .with("bytes", Bytes::from_static(b"\xff\0"))
            .with("list", Value::list([Value::Null, 2.into()]).unwrap());
        headers.append("number", 8);
        assert_eq!(decode(Some(&encode(&headers))).unwrap(), headers);
    }

    #[test]
    fn plain_headers_of_others_are_strings_or_bytes() {
        let headers = OwnedHeaders::new()
            .insert(Header { key: "a", value: Some("text") })
            .insert(Header { key: "b", value: Some(&b"\xff"[..]) })
            .insert(Header { key: "c", value: None::<&str> });
        let expected =
            Headers::new().with("a", "text").with("b", Bytes::from_static(b"\xff")).with("c", Value::Null);
        assert_eq!(decode(Some(&headers)).unwrap(), expected);
    }

    #[test]
    fn what_only_looks_like_ours_is_an_error_and_is_kept_for_a_dead_letter() {
        let headers = OwnedHeaders::new()
            .insert(Header { key: "a", value: Some("occamy:int:seven") })
            .insert(Header { key: "b", value: Some("occamy:int:7") });
        assert_eq!(decode(Some(&headers)).unwrap_err().kind(), ErrorKind::InvalidHeaders);
        let kept = decode_leniently(Some(&headers));
        assert_eq!(kept, Headers::new().with("a", "occamy:int:seven").with("b", 7));
    }
}
