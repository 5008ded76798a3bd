//! From text to a value. It keeps what is open in a list of its own, not on the stack, which hostile text could exhaust.

use crate::headers::{List, Table};
use crate::{Error, ErrorKind, Headers, Value};

/// The value that this text, without its mark, stands for.
pub(super) fn value(text: &str) -> Result<Value, Error> {
    let mut parser = Parser { text, rest: text, open: Vec::new() };
    'value: loop {
        let Some(mut value) = parser.begin()? else { continue };
        // A complete value may complete what it is in, and so on outwards.
        while let Some(open) = parser.open.pop() {
            match parser.place(open, value)? {
                Some(complete) => value = complete,
                None => continue 'value,
            }
        }
        return if parser.rest.is_empty() { Ok(value) } else { Err(parser.malformed("expected the end")) };
    }
}

/// The text with each escape replaced by its byte, or `None` if one is malformed or the whole isn't UTF-8.
pub(super) fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut pieces = text.split('%');
    bytes.extend_from_slice(pieces.next().unwrap_or_default().as_bytes());
    for piece in pieces {
        let (digits, plain) = piece.as_bytes().split_at_checked(2)?;
        bytes.push(hex_byte(digits)?);
        bytes.extend_from_slice(plain);
    }
    String::from_utf8(bytes).ok()
}

struct Parser<'a> {
    text: &'a str,
    rest: &'a str,
    open: Vec<Open>,
}

/// A list or table whose end is still to come.
enum Open {
    List(Vec<Value>),
    /// With the name that the next value is for.
    Table(Headers, String),
}

impl Parser<'_> {
    /// Reads a scalar, or an empty list or table; or opens one that isn't empty, and gives nothing.
    fn begin(&mut self) -> Result<Option<Value>, Error> {
        if self.eat("list:[") {
            if self.eat("]") {
                return List::try_from(Vec::new()).map(|list| Some(list.into()));
            }
            self.push(Open::List(Vec::new()))?;
            return Ok(None);
        }
        if self.eat("table:{") {
            if self.eat("}") {
                return Table::try_from(Headers::new()).map(|table| Some(table.into()));
            }
            let name = self.name()?;
            self.push(Open::Table(Headers::new(), name))?;
            return Ok(None);
        }
        let end = self.rest.find([',', ']', '}']).unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(end);
        let value = scalar(token).ok_or_else(|| self.malformed("expected a value with its type"))?;
        self.rest = rest;
        Ok(Some(value))
    }

    /// Puts a value where it belongs. Gives what it has completed, or nothing if another value has to follow.
    fn place(&mut self, open: Open, value: Value) -> Result<Option<Value>, Error> {
        match open {
            Open::List(mut items) => {
                items.push(value);
                if self.eat(",") {
                    self.open.push(Open::List(items));
                    return Ok(None);
                }
                if !self.eat("]") {
                    return Err(self.malformed("expected a comma or a closing bracket"));
                }
                List::try_from(items).map(|list| Some(list.into()))
            }
            Open::Table(mut headers, name) => {
                headers.append(name, value);
                if self.eat(",") {
                    let name = self.name()?;
                    self.open.push(Open::Table(headers, name));
                    return Ok(None);
                }
                if !self.eat("}") {
                    return Err(self.malformed("expected a comma or a closing brace"));
                }
                Table::try_from(headers).map(|table| Some(table.into()))
            }
        }
    }

    fn push(&mut self, open: Open) -> Result<(), Error> {
        if self.open.len() >= Value::MAX_DEPTH {
            return Err(self.malformed(&format!("nested deeper than {}", Value::MAX_DEPTH)));
        }
        self.open.push(open);
        Ok(())
    }

    /// Reads the name of a table's value, and the sign behind it.
    fn name(&mut self) -> Result<String, Error> {
        let (name, rest) =
            self.rest.split_once('=').ok_or_else(|| self.malformed("expected a name and ="))?;
        let name = unescape(name).ok_or_else(|| self.malformed("malformed escape in a name"))?;
        self.rest = rest;
        Ok(name)
    }

    fn eat(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn malformed(&self, what: &str) -> Error {
        let at = self.text.len() - self.rest.len() + super::MARK.len();
        Error::new(ErrorKind::InvalidHeaders, format!("malformed value: {what} at byte {at}"))
    }
}

fn scalar(token: &str) -> Option<Value> {
    if token == "null" {
        return Some(Value::Null);
    }
    let (kind, text) = token.split_once(':')?;
    match kind {
        "str" => unescape(text).map(Value::from),
        "int" => text.parse().ok().map(Value::Integer),
        "bool" => text.parse().ok().map(Value::Bool),
        "time" => text.parse().ok().map(Value::Timestamp),
        "float" => float(text).map(Value::Float),
        "bytes" => text.as_bytes().chunks(2).map(hex_byte).collect::<Option<Vec<u8>>>().map(Value::from),
        _ => None,
    }
}

fn float(text: &str) -> Option<f64> {
    match text.strip_prefix("nan:") {
        Some(bits) if bits.len() == 16 && bits.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            u64::from_str_radix(bits, 16).ok().map(f64::from_bits).filter(|number| number.is_nan())
        }
        Some(_) => None,
        None => text.parse().ok().filter(|number: &f64| !number.is_nan()),
    }
}

fn hex_byte(digits: &[u8]) -> Option<u8> {
    let &[high, low] = digits else { return None };
    let digit = |digit: u8| char::from(digit).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}
