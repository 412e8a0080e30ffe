//! Fields as GitLab really sends them. In: any JSON value. Out: absent, null, a value, or unreadable. Unexpected types never fail a record: numbers
//! arrive as strings, objects as null, and every version of GitLab adds shapes. A record only fails if JSON readers disagree about it: a number out
//! of range, half a surrogate pair, a field given twice, an endless list.

mod nested;

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use chrono::{DateTime, Utc};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

pub use nested::{Embedded, list};

/// One field of a payload. Absent and null are different facts: null clears a column, absence says nothing about it.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Field<T> {
    /// The body does not contain the field.
    #[default]
    Absent,
    /// The body says that there is no value: `null`, or an empty string where `T` is not a text.
    Null,
    /// There is a value, but not one that `T` can hold. It is stored as NULL and counted.
    Unreadable,
    /// The value.
    Value(T),
}

impl<T> Field<T> {
    /// The value, if there is a readable one.
    pub fn value(&self) -> Option<&T> {
        match self {
            Field::Value(value) => Some(value),
            Field::Absent | Field::Null | Field::Unreadable => None,
        }
    }

    /// The same field by reference.
    pub fn as_ref(&self) -> Field<&T> {
        match self {
            Field::Absent => Field::Absent,
            Field::Null => Field::Null,
            Field::Unreadable => Field::Unreadable,
            Field::Value(value) => Field::Value(value),
        }
    }

    /// Converts the value and keeps the rest.
    pub fn map<U>(self, convert: impl FnOnce(T) -> U) -> Field<U> {
        match self {
            Field::Absent => Field::Absent,
            Field::Null => Field::Null,
            Field::Unreadable => Field::Unreadable,
            Field::Value(value) => Field::Value(convert(value)),
        }
    }

    /// This field if the body contains it, else `other`.
    pub fn or(self, other: Field<T>) -> Field<T> {
        match self {
            Field::Absent => other,
            present => present,
        }
    }
}

impl<T: Copy> Field<T> {
    /// The value, if there is a readable one.
    pub fn get(&self) -> Option<T> {
        self.value().copied()
    }
}

impl Field<String> {
    /// The text, or `""` if there is none.
    pub fn text(&self) -> &str {
        self.value().map_or("", String::as_str)
    }
}

/// A JSON value that is not a container, borrowed if possible.
#[derive(Debug)]
pub enum Scalar<'de> {
    /// `true` or `false`.
    Bool(bool),
    /// A number below zero.
    Signed(i64),
    /// A number not below zero.
    Unsigned(u64),
    /// A number with a fraction or an exponent.
    Float(f64),
    /// A string.
    Text(Cow<'de, str>),
    /// An array or an object, skipped.
    Container,
}

/// The value is not of the wanted type.
#[derive(Debug)]
pub struct Mismatch;

impl<'de: 'a, 'a> TryFrom<Scalar<'de>> for Cow<'a, str> {
    type Error = Mismatch;

    fn try_from(scalar: Scalar<'de>) -> Result<Self, Mismatch> {
        match scalar {
            Scalar::Text(text) => Ok(text),
            Scalar::Unsigned(number) => Ok(Cow::Owned(number.to_string())),
            Scalar::Signed(number) => Ok(Cow::Owned(number.to_string())),
            Scalar::Bool(_) | Scalar::Float(_) | Scalar::Container => Err(Mismatch),
        }
    }
}

impl TryFrom<Scalar<'_>> for String {
    type Error = Mismatch;

    fn try_from(scalar: Scalar<'_>) -> Result<Self, Mismatch> {
        Cow::<str>::try_from(scalar).map(Cow::into_owned)
    }
}

impl TryFrom<Scalar<'_>> for u64 {
    type Error = Mismatch;

    fn try_from(scalar: Scalar<'_>) -> Result<Self, Mismatch> {
        match scalar {
            Scalar::Unsigned(number) => Ok(number),
            // Some versions write ids as text.
            Scalar::Text(text) => text.trim().parse().map_err(|_| Mismatch),
            Scalar::Float(number) if number.fract() == 0.0 && (0.0..9.0e15).contains(&number) => {
                Ok(number as u64)
            }
            Scalar::Bool(_) | Scalar::Signed(_) | Scalar::Float(_) | Scalar::Container => Err(Mismatch),
        }
    }
}

impl TryFrom<Scalar<'_>> for f64 {
    type Error = Mismatch;

    fn try_from(scalar: Scalar<'_>) -> Result<Self, Mismatch> {
        match scalar {
            Scalar::Float(number) => Ok(number),
            Scalar::Unsigned(number) => Ok(number as f64),
            Scalar::Signed(number) => Ok(number as f64),
            Scalar::Text(text) => match text.trim().parse::<f64>() {
                Ok(number) if number.is_finite() => Ok(number),
                Ok(_) | Err(_) => Err(Mismatch),
            },
            Scalar::Bool(_) | Scalar::Container => Err(Mismatch),
        }
    }
}

impl TryFrom<Scalar<'_>> for bool {
    type Error = Mismatch;

    fn try_from(scalar: Scalar<'_>) -> Result<Self, Mismatch> {
        match scalar {
            Scalar::Bool(value) => Ok(value),
            Scalar::Unsigned(0) => Ok(false),
            Scalar::Unsigned(1) => Ok(true),
            Scalar::Text(text) => match text.as_ref() {
                "true" | "1" => Ok(true),
                "false" | "0" => Ok(false),
                _ => Err(Mismatch),
            },
            Scalar::Unsigned(_) | Scalar::Signed(_) | Scalar::Float(_) | Scalar::Container => Err(Mismatch),
        }
    }
}

impl TryFrom<Scalar<'_>> for DateTime<Utc> {
    type Error = Mismatch;

    fn try_from(scalar: Scalar<'_>) -> Result<Self, Mismatch> {
        match scalar {
            Scalar::Text(text) => crate::time::parse(&text).ok_or(Mismatch),
            Scalar::Bool(_)
            | Scalar::Signed(_)
            | Scalar::Unsigned(_)
            | Scalar::Float(_)
            | Scalar::Container => Err(Mismatch),
        }
    }
}

impl<'de, T: TryFrom<Scalar<'de>>> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor(PhantomData))
    }
}

struct ScalarVisitor<T>(PhantomData<T>);

fn field<'de, T: TryFrom<Scalar<'de>>>(scalar: Scalar<'de>) -> Field<T> {
    let empty = matches!(&scalar, Scalar::Text(text) if text.is_empty());
    match T::try_from(scalar) {
        Ok(value) => Field::Value(value),
        // `"started_at": ""` is how old versions say that a job never started.
        Err(_) if empty => Field::Null,
        Err(_) => Field::Unreadable,
    }
}

impl<'de, T: TryFrom<Scalar<'de>>> Visitor<'de> for ScalarVisitor<T> {
    type Value = Field<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Field<T>, E> {
        Ok(Field::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Field<T>, E> {
        Ok(field(Scalar::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Field<T>, E> {
        Ok(field(Scalar::Signed(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Field<T>, E> {
        Ok(field(Scalar::Unsigned(value)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Field<T>, E> {
        Ok(field(Scalar::Float(value)))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Field<T>, E> {
        Ok(field(Scalar::Text(Cow::Borrowed(value))))
    }

    fn visit_str<E>(self, value: &str) -> Result<Field<T>, E> {
        Ok(field(Scalar::Text(Cow::Owned(value.to_owned()))))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Field<T>, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(field(Scalar::Container))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Field<T>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(field(Scalar::Container))
    }
}

/// Reads the id of a user, for `#[serde(default, deserialize_with = "field::person")]`. GitLab counts from one: 0, which old versions and deleted
/// accounts have, is nobody.
pub fn person<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Field<u64>, D::Error> {
    let id = Field::deserialize(deserializer)?;
    Ok(if id == Field::Value(0) { Field::Null } else { id })
}

#[cfg(test)]
mod tests;
