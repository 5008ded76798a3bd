//! One line of input: a message, or what is wrong with it.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use occamy_core::headers::{List, Table};
use occamy_core::{Headers, Value};
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// A message, as a line has it.
#[derive(Debug, PartialEq)]
pub(super) struct Parsed {
    pub(super) kind: Kind,
    pub(super) headers: Headers,
    pub(super) body: Bytes,
}

/// Whom a message is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// One server.
    #[default]
    Request,
    /// Every server.
    Control,
}

impl Kind {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Control => "control",
        }
    }
}

/// Why a line is no message.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(super) enum LineError {
    #[error("expected UTF-8, found other bytes after column {0}")]
    NotUtf8(usize),
    #[error("column {column}: {what}")]
    Json { column: usize, what: String },
    #[error("the integer {0} is out of range, which is that of 64 bits with a sign: send it as a string")]
    Integer(String),
    #[error("more than {0} bytes: send a reference to the data instead")]
    TooLong(usize),
}

/// Reads a line. `None` if it is blank.
pub(super) fn parse(line: &[u8]) -> Result<Option<Parsed>, LineError> {
    let line = std::str::from_utf8(line).map_err(|error| LineError::NotUtf8(error.valid_up_to()))?;
    if line.trim_ascii().is_empty() {
        return Ok(None);
    }
    // For serde a list of its fields is a struct, too.
    if let Some(before) = line.find('[').filter(|&before| line[..before].trim_ascii().is_empty()) {
        return Err(LineError::Json { column: before + 1, what: "expected an object, found a list".into() });
    }
    let message: Message = serde_json::from_str(line).map_err(|error| {
        // There is only one line for serde_json: what it says of lines would confuse.
        let (what, column) = (error.to_string(), error.column());
        let place = format!(" at line {} column {column}", error.line());
        LineError::Json { column, what: what.strip_suffix(&place).unwrap_or(&what).to_owned() }
    })?;
    check_integers(line)?;
    Ok(Some(Parsed { kind: message.kind, headers: message.headers.0, body: message.body.into() }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a message such as {\"headers\": {}, \"body\": \"text\"}")]
struct Message {
    #[serde(default)]
    kind: Kind,
    #[serde(default)]
    headers: JsonHeaders,
    #[serde(default)]
    body: String,
}

/// Looks for integers that don't fit, of which serde_json makes floats. The line is known to be JSON.
fn check_integers(line: &str) -> Result<(), LineError> {
    let mut rest = line.as_bytes();
    while let Some(&byte) = rest.first() {
        if byte == b'"' {
            rest = &rest[string_length(rest)..];
            continue;
        }
        let length = rest.iter().take_while(|byte| byte.is_ascii_digit() || b"+-.eE".contains(byte)).count();
        let number = &rest[..length];
        // The `e` of `true` and `false` is none, and neither is what has a fraction or an exponent.
        if number.iter().any(u8::is_ascii_digit) && !number.iter().any(|byte| b".eE".contains(byte)) {
            let number = String::from_utf8_lossy(number);
            if number.parse::<i64>().is_err() {
                return Err(LineError::Integer(number.into_owned()));
            }
        }
        rest = &rest[length.max(1)..];
    }
    Ok(())
}

/// The length of the JSON string at the beginning, with both of its quotes.
fn string_length(json: &[u8]) -> usize {
    let mut length = 1;
    while let Some(&byte) = json.get(length) {
        match byte {
            b'"' => return length + 1,
            b'\\' => length += 2,
            _ => length += 1,
        }
    }
    json.len()
}

/// Headers, as JSON has them.
#[derive(Default)]
struct JsonHeaders(Headers);

impl<'de> Deserialize<'de> for JsonHeaders {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;

        impl<'de> Visitor<'de> for Names {
            type Value = JsonHeaders;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of headers")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<JsonHeaders, A::Error> {
                read_headers(map).map(JsonHeaders)
            }
        }

        deserializer.deserialize_map(Names)
    }
}

fn read_headers<'de, A: MapAccess<'de>>(mut map: A) -> Result<Headers, A::Error> {
    let (mut headers, mut names) = (Headers::new(), HashSet::new());
    while let Some((name, value)) = map.next_entry::<String, JsonValue>()? {
        let name: Arc<str> = name.into();
        if !names.insert(Arc::clone(&name)) {
            return Err(A::Error::custom(format_args!("the header {name:?} is there twice")));
        }
        headers.append(name, value.0);
    }
    Ok(headers)
}

/// The value of a header, as JSON has it.
struct JsonValue(Value);

impl<'de> Deserialize<'de> for JsonValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue).map(Self)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value of a header")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<Value, E> {
        Ok(truth.into())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    // Too large for an integer: `check_integers` finds it, and with it those that come as floats.
    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        Ok(Value::try_from(number).unwrap_or_default())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<JsonValue>()? {
            list.push(item.0);
        }
        List::try_from(list).map(Value::from).map_err(|error| A::Error::custom(error.message()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Value, A::Error> {
        let table = Table::try_from(read_headers(map)?);
        table.map(Value::from).map_err(|error| A::Error::custom(error.message()))
    }
}

#[cfg(test)]
mod tests;
