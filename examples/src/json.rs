//! Headers as JSON, each value with its type.

use occamy_core::transport::text;
use occamy_core::{Headers, Value};
use serde_json::Value as Json;

/// An object of these headers. Of a name that is there twice it has the last value.
///
/// What JSON has no type for, bytes, timestamps and floats that are not finite, goes as the text that
/// [`occamy_core::transport::text`] makes of it, such as `occamy:bytes:00ff`. So do strings that look like that.
pub fn headers(headers: &Headers) -> Json {
    Json::Object(headers.iter().map(|(name, it)| (name.to_owned(), value(it))).collect())
}

fn value(of: &Value) -> Json {
    match of {
        Value::Null => Json::Null,
        Value::Bool(truth) => Json::from(*truth),
        Value::Integer(number) => Json::from(*number),
        Value::Float(number) if number.is_finite() => Json::from(*number),
        Value::String(text) if !text.starts_with("occamy:") => Json::from(&**text),
        Value::List(items) => items.iter().map(value).collect(),
        Value::Table(table) => headers(table),
        other => Json::from(text::encode_value(other)),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::json;

    use super::*;

    #[test]
    fn no_two_types_look_the_same() {
        let nested = Headers::new().with("bytes", Bytes::from_static(b"\x00\xff"));
        let all = Headers::new()
            .with("null", Value::Null)
            .with("yes", true)
            .with("one", 1)
            .with("float", 1.0)
            .with("infinite", f64::INFINITY)
            .with("text", "größe\n")
            .with("looks like bytes", "occamy:bytes:00ff")
            .with("time", Value::Timestamp(7))
            .with("list", Value::list([Value::from(-1), "a".into()]).unwrap())
            .with("table", Value::table(nested).unwrap());
        let expected = json!({
            "null": null, "yes": true, "one": 1, "float": 1.0, "infinite": "occamy:float:inf",
            "text": "größe\n", "looks like bytes": "occamy:str:occamy:bytes:00ff", "time": "occamy:time:7",
            "list": [-1, "a"], "table": {"bytes": "occamy:bytes:00ff"},
        });
        assert_eq!(headers(&all), expected);
    }
}
