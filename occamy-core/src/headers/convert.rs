//! Values from what users have.

use std::sync::Arc;

use bytes::Bytes;

use super::{List, Table, Value};

impl From<List> for Value {
    fn from(list: List) -> Self {
        Self::List(list)
    }
}

impl From<Table> for Value {
    fn from(table: Table) -> Self {
        Self::Table(table)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text.into())
    }
}

impl From<Arc<str>> for Value {
    fn from(text: Arc<str>) -> Self {
        Self::String(text)
    }
}

impl From<Bytes> for Value {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

macro_rules! from_number {
    ($($number:ty => $variant:ident($wide:ty)),+) => {$(
        impl From<$number> for Value {
            fn from(number: $number) -> Self {
                Self::$variant(<$wide>::from(number))
            }
        }
    )+};
}

from_number! {
    i8 => Integer(i64), i16 => Integer(i64), i32 => Integer(i64), i64 => Integer(i64),
    u8 => Integer(i64), u16 => Integer(i64), u32 => Integer(i64),
    f32 => Float(f64), f64 => Float(f64)
}

/// Fails above `i64::MAX`.
impl TryFrom<u64> for Value {
    type Error = std::num::TryFromIntError;

    fn try_from(number: u64) -> Result<Self, Self::Error> {
        number.try_into().map(Self::Integer)
    }
}

/// Fails above `i64::MAX`.
impl TryFrom<usize> for Value {
    type Error = std::num::TryFromIntError;

    fn try_from(number: usize) -> Result<Self, Self::Error> {
        number.try_into().map(Self::Integer)
    }
}

/// `None` is null.
impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
