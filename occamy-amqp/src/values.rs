//! Headers as AMQP has them, and back.

use bytes::Bytes;
use lapin::types::{AMQPValue, DecimalValue, FieldArray, FieldTable, LongString, ShortString};
use occamy_core::transport::{PublishError, text};
use occamy_core::{Error, ErrorKind, Headers, Value};

/// What a string that core has marked begins with: its text stands for another value.
const MARK: &str = "occamy:";

/// Headers as they are sent.
///
/// # Errors
///
/// If a name is too long, or there twice.
pub(crate) fn encode(headers: &Headers) -> Result<FieldTable, PublishError> {
    let mut table = FieldTable::default();
    for (name, value) in headers.iter() {
        let short = ShortString::try_new(name).map_err(|_| {
            invalid(format!("the name {name:?} has {} bytes, and AMQP takes at most 255", name.len()))
        })?;
        if table.contains_key(name) {
            return Err(invalid(format!("{name:?} is there twice, which AMQP can't carry")));
        }
        table.insert(short, encode_value(value)?);
    }
    Ok(table)
}

fn encode_value(value: &Value) -> Result<AMQPValue, PublishError> {
    Ok(match value {
        Value::Null => AMQPValue::Void,
        Value::Bool(truth) => AMQPValue::Boolean(*truth),
        Value::Integer(number) => AMQPValue::LongLongInt(*number),
        Value::Float(number) if number.is_finite() => AMQPValue::Double(*number),
        // RabbitMQ is written in a language without infinite numbers, and closes the connection.
        Value::Float(_) => AMQPValue::LongString(text::encode_value(value).as_bytes().into()),
        Value::String(text) if text.starts_with(MARK) => {
            AMQPValue::LongString(text::encode_value(value).as_bytes().into())
        }
        Value::String(text) => AMQPValue::LongString(text.as_bytes().into()),
        Value::Bytes(bytes) => AMQPValue::ByteArray(bytes.to_vec().into()),
        Value::Timestamp(seconds) => AMQPValue::Timestamp(*seconds),
        Value::List(items) => {
            let items = items.iter().map(encode_value).collect::<Result<Vec<_>, _>>()?;
            AMQPValue::FieldArray(items.into())
        }
        Value::Table(table) => AMQPValue::FieldTable(encode(table)?),
        other => {
            return Err(invalid(format!("{} has no counterpart in AMQP", other.type_name())));
        }
    })
}

/// Headers as they were sent, by us or by any client.
///
/// # Errors
///
/// [`ErrorKind::InvalidHeaders`], if they are nested too deep, too large, or marked as ours and not well formed.
pub(crate) fn decode(table: &FieldTable) -> Result<Headers, Error> {
    let mut headers = Headers::with_capacity(table.inner().len());
    let mut size = 0_usize;
    for (name, value) in table.inner() {
        let decoded = decode_value(value)?;
        size = size.saturating_add(name.as_str().len()).saturating_add(decoded.size());
        if size > text::MAX_SIZE {
            let why =
                format!("more than {} bytes of headers: put what is large into the body", text::MAX_SIZE);
            return Err(Error::new(ErrorKind::InvalidHeaders, why));
        }
        headers.append(name.as_str(), decoded);
    }
    Ok(headers)
}

fn decode_value(value: &AMQPValue) -> Result<Value, Error> {
    Ok(match value {
        AMQPValue::Void => Value::Null,
        AMQPValue::Boolean(truth) => (*truth).into(),
        AMQPValue::ShortShortInt(number) => i64::from(*number).into(),
        AMQPValue::ShortShortUInt(number) => i64::from(*number).into(),
        AMQPValue::ShortInt(number) => i64::from(*number).into(),
        AMQPValue::ShortUInt(number) => i64::from(*number).into(),
        AMQPValue::LongInt(number) => i64::from(*number).into(),
        AMQPValue::LongUInt(number) => i64::from(*number).into(),
        AMQPValue::LongLongInt(number) => (*number).into(),
        AMQPValue::Float(number) => f64::from(*number).into(),
        AMQPValue::Double(number) => (*number).into(),
        AMQPValue::DecimalValue(number) => decimal(*number).into(),
        AMQPValue::ShortString(text) => text.as_str().into(),
        AMQPValue::LongString(text) => decode_string(text)?,
        AMQPValue::ByteArray(bytes) => Bytes::copy_from_slice(bytes.as_slice()).into(),
        AMQPValue::Timestamp(seconds) => Value::Timestamp(*seconds),
        AMQPValue::FieldArray(items) => {
            Value::list(items.as_slice().iter().map(decode_value).collect::<Result<Vec<_>, _>>()?)?
        }
        AMQPValue::FieldTable(table) => Value::table(decode(table)?)?,
    })
}

fn decode_string(text: &LongString) -> Result<Value, Error> {
    match std::str::from_utf8(text.as_bytes()) {
        Ok(text) if text.starts_with(MARK) => text::decode_value(text.as_bytes()),
        Ok(text) => Ok(text.into()),
        Err(_) => Ok(Bytes::copy_from_slice(text.as_bytes()).into()),
    }
}

/// With exactly as many digits: a float would round it.
///
/// AMQP calls the number unsigned; RabbitMQ and its clients read and write it with a sign.
fn decimal(DecimalValue { scale, value }: DecimalValue) -> String {
    let value = value.cast_signed();
    let sign = if value < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", value.unsigned_abs(), width = usize::from(scale) + 1);
    match digits.split_at(digits.len() - usize::from(scale)) {
        (whole, "") => format!("{sign}{whole}"),
        (whole, rest) => format!("{sign}{whole}.{rest}"),
    }
}

/// How many bytes a table takes on the wire.
pub(crate) fn size(table: &FieldTable) -> usize {
    let entry = |(name, value): (&ShortString, &AMQPValue)| 1 + name.as_str().len() + value_size(value);
    4 + table.inner().iter().map(entry).sum::<usize>()
}

/// With the byte that tells the type.
fn value_size(value: &AMQPValue) -> usize {
    1 + match value {
        AMQPValue::Void => 0,
        AMQPValue::Boolean(_) | AMQPValue::ShortShortInt(_) | AMQPValue::ShortShortUInt(_) => 1,
        AMQPValue::ShortInt(_) | AMQPValue::ShortUInt(_) => 2,
        AMQPValue::LongInt(_) | AMQPValue::LongUInt(_) | AMQPValue::Float(_) => 4,
        AMQPValue::DecimalValue(_) => 5,
        AMQPValue::LongLongInt(_) | AMQPValue::Double(_) | AMQPValue::Timestamp(_) => 8,
        AMQPValue::ShortString(text) => 1 + text.as_str().len(),
        AMQPValue::LongString(text) => 4 + text.len(),
        AMQPValue::ByteArray(bytes) => 4 + bytes.len(),
        AMQPValue::FieldArray(items) => array_size(items),
        AMQPValue::FieldTable(table) => size(table),
    }
}

fn array_size(items: &FieldArray) -> usize {
    4 + items.as_slice().iter().map(value_size).sum::<usize>()
}

fn invalid(why: String) -> PublishError {
    PublishError::Headers(Error::new(ErrorKind::InvalidHeaders, why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_comes_back() {
        let headers = Headers::new()
            .with("null", Value::Null)
            .with("bool", true)
            .with("integer", i64::MIN)
            .with("float", 0.1)
            .with("infinite", f64::NEG_INFINITY)
            .with("text", "größe")
            .with("looks like ours", "occamy:int:7")
            .with("bytes", Bytes::from_static(b"text"))
            .with("time", Value::Timestamp(7))
            .with("list", Value::list([Value::from(1), "a".into()]).unwrap())
            .with("table", Value::table(Headers::new().with("a", 1.5)).unwrap());
        assert!(decode(&encode(&headers).unwrap()).unwrap().eq_unordered(&headers));
    }

    #[test]
    fn whatever_amqp_has_becomes_one_of_our_types() {
        let mut table = FieldTable::default();
        let mut add = |name: &str, value| {
            table.insert(name.into(), value);
        };
        add("i8", AMQPValue::ShortShortInt(-1));
        add("u32", AMQPValue::LongUInt(u32::MAX));
        add("f32", AMQPValue::Float(0.5));
        add("decimal", AMQPValue::DecimalValue(DecimalValue { scale: 2, value: 5 }));
        add("negative", AMQPValue::DecimalValue(DecimalValue { scale: 2, value: (-5_i32).cast_unsigned() }));
        add("whole", AMQPValue::DecimalValue(DecimalValue { scale: 0, value: 12 }));
        add("short", AMQPValue::ShortString("s".into()));
        add("binary", AMQPValue::LongString(LongString::from(vec![0xff, 0xfe])));
        let expected = Headers::new()
            .with("i8", -1)
            .with("u32", i64::from(u32::MAX))
            .with("f32", 0.5)
            .with("decimal", "0.05")
            .with("negative", "-0.05")
            .with("whole", "12")
            .with("short", "s")
            .with("binary", Bytes::from_static(b"\xff\xfe"));
        let decoded = decode(&table).unwrap();
        assert!(decoded.eq_unordered(&expected), "{decoded:?}");
    }

    #[test]
    fn what_amqp_can_not_carry_is_an_error() {
        let mut twice = Headers::new().with("a", 1);
        twice.append("a", 2);
        let nested = Headers::new().with("table", Value::table(twice.clone()).unwrap());
        for headers in [twice, nested, Headers::new().with("x".repeat(256), 1)] {
            assert!(matches!(encode(&headers), Err(PublishError::Headers(_))), "{headers:?}");
        }
    }

    #[test]
    fn marked_values_that_are_not_well_formed_are_errors() {
        let mut table = FieldTable::default();
        table.insert("a".into(), AMQPValue::LongString("occamy:int:seven".into()));
        assert_eq!(decode(&table).unwrap_err().kind(), ErrorKind::InvalidHeaders);
    }

    #[test]
    fn the_size_is_that_on_the_wire() {
        let headers = Headers::new().with("ab", "cde").with("list", Value::list([1, 2]).unwrap());
        let (text, list) = (1 + 2 + 1 + 4 + 3, 1 + 4 + 1 + 4 + 2 * 9);
        assert_eq!(size(&encode(&headers).unwrap()), 4 + text + list);
    }
}
