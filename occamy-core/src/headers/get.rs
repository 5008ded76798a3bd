//! Reading headers, with errors that tell what was expected and what was found.

use super::{Headers, List, Table, Value};
use crate::{Error, ErrorKind};

/// # Reading
///
/// The accessors named after a type fail with [`ErrorKind::InvalidHeaders`] if the header is missing or its value is
/// of another type. Their `optional_` siblings give `None` if it is missing, and still fail on another type: null is
/// not the same as missing. Nothing is converted, with the one exception of [`bytes`](Self::bytes).
impl Headers {
    /// The first value of this name, of whatever type.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.iter().find(|&(own, _)| own == name).map(|(_, value)| value)
    }

    /// Every value of this name, in order.
    pub fn get_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Value> {
        self.iter().filter(move |&(own, _)| own == name).map(|(_, value)| value)
    }

    /// A string.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidHeaders`] if it is missing or of another type.
    pub fn string(&self, name: &str) -> Result<&str, Error> {
        required(self.optional_string(name)?, name, "a string")
    }

    /// A string, or `None` if there is no header of this name.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidHeaders`] if it is of another type.
    pub fn optional_string(&self, name: &str) -> Result<Option<&str>, Error> {
        self.typed(name, "a string", |value| match value {
            Value::String(text) => Some(&**text),
            _ => None,
        })
    }

    /// An integer.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidHeaders`] if it is missing or of another type.
    pub fn integer(&self, name: &str) -> Result<i64, Error> {
        required(self.optional_integer(name)?, name, "an integer")
    }

    /// An integer, or `None` if there is no header of this name.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidHeaders`] if it is of another type.
    pub fn optional_integer(&self, name: &str) -> Result<Option<i64>, Error> {
        self.typed(name, "an integer", |value| match value {
            Value::Integer(number) => Some(*number),
            _ => None,
        })
    }

    /// A floating-point number. An integer is none.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidHeaders`] if it is missing or of another type.
    pub fn float(&self, name: &str) -> Result<f64, Error> {
        required(self.optional_float(name)?, name, "a float")
    }

    /// A floating-point number, or `None` if there is no header of this name.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidHeaders`] if it is of another type.
    pub fn optional_float(&self, name: &str) -> Result<Option<f64>, Error> {
        self.typed(name, "a float", |value| match value {
            Value::Float(number) => Some(*number),
            _ => None,
        })
    }

    /// A truth value.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidHeaders`] if it is missing or of another type.
    pub fn bool(&self, name: &str) -> Result<bool, Error> {
        required(self.optional_bool(name)?, name, "a bool")
    }

    /// A truth value, or `None` if there is no header of this name.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidHeaders`] if it is of another type.
    pub fn optional_bool(&self, name: &str) -> Result<Option<bool>, Error> {
        self.typed(name, "a bool", |value| match value {
            Value::Bool(truth) => Some(*truth),
            _ => None,
        })
    }

    /// Bytes. A string gives the bytes of its UTF-8: RabbitMQ and Kafka have headers of bytes that clients in other
    /// languages use for both, so bytes that happen to be UTF-8 arrive as a string.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidHeaders`] if it is missing or of another type.
    pub fn bytes(&self, name: &str) -> Result<&[u8], Error> {
        required(self.optional_bytes(name)?, name, "bytes")
    }

    /// [Bytes](Self::bytes), or `None` if there is no header of this name.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidHeaders`] if it is of another type.
    pub fn optional_bytes(&self, name: &str) -> Result<Option<&[u8]>, Error> {
        self.typed(name, "bytes", |value| match value {
            Value::Bytes(bytes) => Some(&**bytes),
            Value::String(text) => Some(text.as_bytes()),
            _ => None,
        })
    }

    /// A list.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidHeaders`] if it is missing or of another type.
    pub fn list(&self, name: &str) -> Result<&List, Error> {
        required(self.optional_list(name)?, name, "a list")
    }

    /// A list, or `None` if there is no header of this name.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidHeaders`] if it is of another type.
    pub fn optional_list(&self, name: &str) -> Result<Option<&List>, Error> {
        self.typed(name, "a list", |value| match value {
            Value::List(list) => Some(list),
            _ => None,
        })
    }

    /// A table. Its own values are read with the same accessors.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidHeaders`] if it is missing or of another type.
    pub fn table(&self, name: &str) -> Result<&Table, Error> {
        required(self.optional_table(name)?, name, "a table")
    }

    /// A table, or `None` if there is no header of this name.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidHeaders`] if it is of another type.
    pub fn optional_table(&self, name: &str) -> Result<Option<&Table>, Error> {
        self.typed(name, "a table", |value| match value {
            Value::Table(table) => Some(table),
            _ => None,
        })
    }

    fn typed<'a, T>(
        &'a self,
        name: &str,
        expected: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        let Some(value) = self.get(name) else { return Ok(None) };
        match read(value) {
            Some(read) => Ok(Some(read)),
            None => Err(invalid(name, &format!("expected {expected}, found {}", value.type_name()))),
        }
    }
}

fn required<T>(value: Option<T>, name: &str, expected: &str) -> Result<T, Error> {
    value.ok_or_else(|| invalid(name, &format!("expected {expected}, it is missing")))
}

fn invalid(name: &str, what: &str) -> Error {
    Error::new(ErrorKind::InvalidHeaders, format!("header {}: {what}", quoted(name)))
}

/// A name that may come from anywhere, for a message to people: in quotes, escaped, and not longer than they can read.
pub(crate) fn quoted(name: &str) -> String {
    const LONGEST: usize = 64;
    match name.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{:?}…", &name[..end]),
        None => format!("{name:?}"),
    }
}
