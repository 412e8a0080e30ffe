//! Objects and lists inside payloads. In: any JSON value. Out: a field with the object or the list as value. Never holds more of a list than its
//! limit.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::Field;

/// The most memory for the elements of one list, enough for about 30,000 jobs; GitLab's own limits are far below. Without it, 25 MiB of
/// `[{},{},...` would become gigabytes of structs and rows.
const LIST_LIMIT_BYTES: usize = 16 * 1024 * 1024;

/// An object inside a payload, which may be missing, null or of another type. As in [`Field`], null is a fact: there is none.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedded<T>(Field<T>);

impl<T> Default for Embedded<T> {
    fn default() -> Self {
        Embedded(Field::Absent)
    }
}

impl<T> From<T> for Embedded<T> {
    fn from(object: T) -> Self {
        Embedded(Field::Value(object))
    }
}

impl<T> Embedded<T> {
    /// The object, if there is one.
    pub fn get(&self) -> Option<&T> {
        self.0.value()
    }

    /// The object itself, if there is one.
    pub fn into_value(self) -> Option<T> {
        match self.0 {
            Field::Value(object) => Some(object),
            Field::Absent | Field::Null | Field::Unreadable => None,
        }
    }

    /// A field of the object. It is null if the object is null, and unreadable if the object is unreadable.
    pub fn field<U: Clone>(&self, choose: impl FnOnce(&T) -> &Field<U>) -> Field<U> {
        match &self.0 {
            Field::Value(object) => choose(object).clone(),
            Field::Absent => Field::Absent,
            Field::Null => Field::Null,
            Field::Unreadable => Field::Unreadable,
        }
    }
}

/// Reads a list inside a payload, for `#[serde(default, deserialize_with = "field::list")]`. The list is one value: `[]` means that there are no
/// elements, absence means nothing, and anything but a list or null is unreadable.
pub fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Field<Vec<T>>, D::Error> {
    deserializer.deserialize_any(ListVisitor(PhantomData))
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Embedded<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Embedded<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Embedded<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(|object| Embedded(Field::Value(object)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Embedded<T>, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Embedded(Field::Unreadable))
    }

    fn visit_unit<E>(self) -> Result<Embedded<T>, E> {
        Ok(Embedded(Field::Null))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Embedded<T>, E> {
        Ok(Embedded(Field::Unreadable))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Embedded<T>, E> {
        Ok(Embedded(Field::Unreadable))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Embedded<T>, E> {
        Ok(Embedded(Field::Unreadable))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Embedded<T>, E> {
        Ok(Embedded(Field::Unreadable))
    }

    fn visit_str<E>(self, _: &str) -> Result<Embedded<T>, E> {
        Ok(Embedded(Field::Unreadable))
    }
}

struct ListVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
    type Value = Field<Vec<T>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Field<Vec<T>>, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = seq.next_element()? {
            if elements.len() * size_of::<T>() >= LIST_LIMIT_BYTES {
                return Err(A::Error::custom(format_args!(
                    "a list of more than {} elements",
                    elements.len()
                )));
            }
            elements.push(element);
        }
        Ok(Field::Value(elements))
    }

    fn visit_unit<E>(self) -> Result<Field<Vec<T>>, E> {
        Ok(Field::Null)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Field<Vec<T>>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Field::Unreadable)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Field<Vec<T>>, E> {
        Ok(Field::Unreadable)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Field<Vec<T>>, E> {
        Ok(Field::Unreadable)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Field<Vec<T>>, E> {
        Ok(Field::Unreadable)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Field<Vec<T>>, E> {
        Ok(Field::Unreadable)
    }

    fn visit_str<E>(self, _: &str) -> Result<Field<Vec<T>>, E> {
        Ok(Field::Unreadable)
    }
}
