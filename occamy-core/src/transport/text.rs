//! Typed headers as text, for brokers whose headers are strings or bytes.
//!
//! NATS has headers of strings: names are printable ASCII without a colon, values hold no line breaks and lose the
//! blanks around them. Kafka has names of text and values of bytes. This is how typed [headers](crate::Headers) are
//! written on both, so that a client in any language can do so too.
//!
//! # Values
//!
//! A string goes as it is, and what any client sent without knowing of this arrives as a string. Everything else is
//! marked with `occamy:` and its type:
//!
//! | value | text |
//! | --- | --- |
//! | string | as it is, or `occamy:str:` and the string with escapes where it couldn't go as it is |
//! | integer | `occamy:int:-42` |
//! | float | `occamy:float:1.5`, also `inf`, `-inf`, and `nan:` with the 16 hexadecimal digits of its bits |
//! | bool | `occamy:bool:true` |
//! | null | `occamy:null` |
//! | bytes | `occamy:bytes:00ff7e`, two hexadecimal digits a byte |
//! | timestamp | `occamy:time:1700000000` |
//! | list | `occamy:list:[int:1,str:two,null]` |
//! | table | `occamy:table:{name=str:value,other=int:2}` |
//!
//! Inside lists and tables every value has its type and no further `occamy:`.
//!
//! An escape is a percent sign and two hexadecimal digits, for one byte of UTF-8. Escaped are control characters, all
//! white space but a blank between other characters, and `% , = [ ] { }`. At the top a string needs to be marked only if
//! it begins with `occamy:`, has control characters, or has white space other than blanks between other characters.
//!
//! # Names
//!
//! Names at the top go as they are if they consist of letters, digits and other printable ASCII, without colon and
//! percent sign. Everything else in them is escaped, and an empty name is a lone `%`.
//!
//! # Exactness
//!
//! What was encoded is decoded to the same headers, type by type and bit by bit, and two values never have the same
//! text. NATS loses the order of the names at the top. Decoding takes anything from anywhere and either gives headers
//! or an error, within the limits of [`Value::MAX_DEPTH`](crate::Value::MAX_DEPTH) and [`MAX_SIZE`].

mod parse;

use std::borrow::Cow;
use std::fmt::Write;

use bytes::Bytes;

use crate::headers::quoted;
use crate::{Error, ErrorKind, Headers, Value};

/// How many bytes of headers are decoded, names, values and 32 more for each header: 4 MiB, which is beyond the default
/// limit of every broker for a whole message.
pub const MAX_SIZE: usize = 4 << 20;

/// What a header takes beside its name and value, roughly.
const OVERHEAD: usize = 32;

const MARK: &str = "occamy:";

/// Headers as text, in their order. What comes out is bounded by the broker alone.
///
/// ```
/// use occamy_core::{Headers, transport::text};
///
/// let headers = Headers::new().with("task-id", "route 7").with("vehicles", 12).with("größe", " XL");
/// let encoded: Vec<_> = text::encode(&headers).collect();
/// let pairs = encoded.iter().map(|(name, value)| (&**name, &**value)).collect::<Vec<_>>();
/// assert_eq!(
///     pairs,
///     [("task-id", "route 7"), ("vehicles", "occamy:int:12"), ("gr%C3%B6%C3%9Fe", "occamy:str:%20XL")],
/// );
///
/// let decoded = text::decode(encoded.iter().map(|(name, value)| (&**name, value.as_bytes())))?;
/// assert_eq!(decoded, headers);
/// # Ok::<(), occamy_core::Error>(())
/// ```
pub fn encode(headers: &Headers) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    headers.iter().map(|(name, value)| (encode_name(name), encode_value(value)))
}

/// Headers from text, in the order given. Values that aren't UTF-8 are bytes.
///
/// # Errors
///
/// [`ErrorKind::InvalidHeaders`], naming the header, if its value is marked as ours and isn't well formed, or nested too
/// deep; or if there are more than [`MAX_SIZE`] bytes of headers.
pub fn decode<'a>(headers: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<Headers, Error> {
    let mut decoded = Headers::new();
    let mut size = 0_usize;
    for (name, value) in headers {
        // Counted before anything is copied, and each header with what it takes in memory, so that empty ones can't come
        // without end.
        size = size.saturating_add(name.len()).saturating_add(value.len()).saturating_add(OVERHEAD);
        if size > MAX_SIZE {
            let message = format!("more than {MAX_SIZE} bytes of headers: put what is large into the body");
            return Err(Error::new(ErrorKind::InvalidHeaders, message));
        }
        let value = decode_value(value).map_err(|error| {
            Error::new(ErrorKind::InvalidHeaders, format!("header {}: {}", quoted(name), error.message()))
        })?;
        decoded.append(decode_name(name), value);
    }
    Ok(decoded)
}

/// The name of a header, in printable ASCII without a colon.
pub fn encode_name(name: &str) -> Cow<'_, str> {
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b':' && byte != b'%';
    if name.is_empty() {
        return "%".into();
    }
    if name.bytes().all(plain) {
        return name.into();
    }
    let mut text = String::with_capacity(name.len() + 16);
    for byte in name.bytes() {
        if plain(byte) { text.push(byte.into()) } else { escape_byte(byte, &mut text) }
    }
    text.into()
}

/// The name that [`encode_name`] made this of. What it can't have made, a foreign name, is left as it is.
pub fn decode_name(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return text.into();
    }
    let name = if text == "%" { Some(String::new()) } else { parse::unescape(text) };
    name.filter(|name| encode_name(name) == text).map_or_else(|| text.into(), Into::into)
}

/// A value as text: UTF-8 without control characters, and without white space around it.
pub fn encode_value(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) if is_plain(text) => (&**text).into(),
        value => {
            let mut text = String::from(MARK);
            write_value(value, &mut text);
            text.into()
        }
    }
}

/// The value that [`encode_value`] made this of; a string, or bytes if it isn't UTF-8, if it isn't marked as ours.
///
/// # Errors
///
/// [`ErrorKind::InvalidHeaders`] if it is marked as ours and isn't well formed, too long or nested too deep.
pub fn decode_value(text: &[u8]) -> Result<Value, Error> {
    if text.len() > MAX_SIZE {
        let message = format!("a value of {} bytes: the limit is {MAX_SIZE} bytes", text.len());
        return Err(Error::new(ErrorKind::InvalidHeaders, message));
    }
    match std::str::from_utf8(text) {
        Err(_) => Ok(Value::Bytes(Bytes::copy_from_slice(text))),
        Ok(text) => text.strip_prefix(MARK).map_or_else(|| Ok(text.into()), parse::value),
    }
}

/// True if this string can go as it is.
fn is_plain(text: &str) -> bool {
    let blank_around = text.starts_with(' ') || text.ends_with(' ');
    !blank_around
        && !text.starts_with(MARK)
        && !text.chars().any(|c| c.is_control() || (c.is_whitespace() && c != ' '))
}

fn write_value(value: &Value, text: &mut String) {
    const INFALLIBLE: &str = "a string takes everything";
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(truth) => write!(text, "bool:{truth}").expect(INFALLIBLE),
        Value::Integer(number) => write!(text, "int:{number}").expect(INFALLIBLE),
        Value::Float(number) if number.is_nan() => {
            write!(text, "float:nan:{:016x}", number.to_bits()).expect(INFALLIBLE);
        }
        // The shortest digits that give the same float again.
        Value::Float(number) => write!(text, "float:{number:?}").expect(INFALLIBLE),
        Value::String(string) => {
            text.push_str("str:");
            escape(string, text);
        }
        Value::Bytes(bytes) => {
            text.push_str("bytes:");
            text.reserve(2 * bytes.len());
            bytes.iter().for_each(|&byte| push_hex(byte, HEX_LOWER, text));
        }
        Value::Timestamp(seconds) => write!(text, "time:{seconds}").expect(INFALLIBLE),
        Value::List(items) => {
            text.push_str("list:[");
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write_value(item, text);
            }
            text.push(']');
        }
        Value::Table(table) => {
            text.push_str("table:{");
            for (index, (name, value)) in table.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                escape(name, text);
                text.push('=');
                write_value(value, text);
            }
            text.push('}');
        }
    }
}

fn escape(string: &str, text: &mut String) {
    let last = string.len().saturating_sub(1);
    for (index, c) in string.char_indices() {
        let escaped = match c {
            '%' | ',' | '=' | '[' | ']' | '{' | '}' => true,
            ' ' => index == 0 || index == last,
            c => c.is_control() || c.is_whitespace(),
        };
        if escaped {
            c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| escape_byte(byte, text));
        } else {
            text.push(c);
        }
    }
}

fn escape_byte(byte: u8, text: &mut String) {
    text.push('%');
    push_hex(byte, HEX_UPPER, text);
}

const HEX_LOWER: &[u8; 16] = b"0123456789abcdef";
const HEX_UPPER: &[u8; 16] = b"0123456789ABCDEF";

fn push_hex(byte: u8, digits: &[u8; 16], text: &mut String) {
    text.push(digits[usize::from(byte >> 4)].into());
    text.push(digits[usize::from(byte & 15)].into());
}

#[cfg(test)]
mod tests;
