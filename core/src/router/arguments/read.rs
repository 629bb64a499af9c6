//! From the arguments of a packet to values of an application.

use super::attached::Attached;
use crate::socket::Event;
use bytes::Bytes;
use core::fmt;
use core::marker::PhantomData;
use serde::de::{DeserializeOwned, DeserializeSeed, Error as _, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserializer, forward_to_deserialize_any};
use serde_json::Error;

/// Reads the arguments of an event as a `T`: as many as there are elements in a tuple, none for `()`, and else the first. More
/// arguments are ignored. Those that are missing are `None` where that is allowed.
pub(crate) fn read<T: DeserializeOwned>(event: &Event) -> Result<T, Error> {
    let named = !event.name().is_empty();
    T::deserialize(Arguments { event, named })
}

/// Reads a JSON value with attachments.
pub(crate) fn read_value<T: DeserializeOwned>(json: &str, attachments: &[Bytes]) -> Result<T, Error> {
    let mut json = serde_json::Deserializer::from_str(json);
    if attachments.is_empty() {
        T::deserialize(&mut json)
    } else {
        T::deserialize(Attached { inner: &mut json, attachments })
    }
}

/// All arguments of an event. What is not a tuple is read from the first.
struct Arguments<'a> {
    event: &'a Event,
    /// The first element of the array is the event's name.
    named: bool,
}

/// Reads the first argument with the same method.
macro_rules! first {
    ($($method:ident($($name:ident: $type:ty),*);)*) => {
        $(fn $method<V: Visitor<'de>>(self, $($name: $type,)* visitor: V) -> Result<V::Value, Error> {
            let (args, attachments) = (self.event.args_json(), self.event.attachments());
            if args.is_empty() {
                return Missing::new(1).$method($($name,)* visitor);
            }
            let mut json = serde_json::Deserializer::from_str(args);
            if attachments.is_empty() {
                json.$method($($name,)* visitor)
            } else {
                Attached { inner: &mut json, attachments }.$method($($name,)* visitor)
            }
        })*
    };
}

impl<'de> Deserializer<'de> for Arguments<'de> {
    type Error = Error;

    first! {
        deserialize_any();
        deserialize_bool();
        deserialize_i8();
        deserialize_i16();
        deserialize_i32();
        deserialize_i64();
        deserialize_i128();
        deserialize_u8();
        deserialize_u16();
        deserialize_u32();
        deserialize_u64();
        deserialize_u128();
        deserialize_f32();
        deserialize_f64();
        deserialize_char();
        deserialize_str();
        deserialize_string();
        deserialize_bytes();
        deserialize_byte_buf();
        deserialize_option();
        deserialize_unit_struct(name: &'static str);
        deserialize_newtype_struct(name: &'static str);
        deserialize_seq();
        deserialize_tuple_struct(name: &'static str, len: usize);
        deserialize_map();
        deserialize_struct(name: &'static str, fields: &'static [&'static str]);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
        deserialize_identifier();
        deserialize_ignored_any();
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        let mut json = serde_json::Deserializer::from_str(self.event.json());
        let elements = Elements { visitor, named: self.named };
        let attachments = self.event.attachments();
        if attachments.is_empty() {
            json.deserialize_seq(elements)
        } else {
            Attached { inner: &mut json, attachments }.deserialize_seq(elements)
        }
    }
}

/// Visits the elements of an event's array: after its name, as many as are wanted.
struct Elements<V> {
    visitor: V,
    named: bool,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Elements<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<V::Value, A::Error> {
        if self.named {
            elements.next_element::<IgnoredAny>()?;
        }
        let value = self.visitor.visit_seq(Lenient { elements: &mut elements, read: 0 })?;
        while elements.next_element::<IgnoredAny>()?.is_some() {}
        Ok(value)
    }
}

/// Elements, of which some may be missing.
struct Lenient<'a, A> {
    elements: &'a mut A,
    read: usize,
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Lenient<'_, A> {
    type Error = A::Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, A::Error> {
        /// A seed that knows whether it was used.
        struct Kept<'a, T>(&'a mut Option<T>);

        impl<'de, T: DeserializeSeed<'de>> DeserializeSeed<'de> for Kept<'_, T> {
            type Value = T::Value;

            fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T::Value, D::Error> {
                let seed = self.0.take().ok_or_else(|| D::Error::custom("read twice"))?;
                seed.deserialize(deserializer)
            }
        }

        let mut seed = Some(seed);
        let value = self.elements.next_element_seed(Kept(&mut seed))?;
        self.read += 1;
        match (value, seed) {
            (None, Some(seed)) => seed.deserialize(Missing::<A::Error>::new(self.read)).map(Some),
            (value, _) => Ok(value),
        }
    }
}

/// An argument that is not there: `None`, `()` or `null`, and an error for everything else.
struct Missing<E> {
    number: usize,
    error: PhantomData<E>,
}

impl<E> Missing<E> {
    fn new(number: usize) -> Self {
        Self { number, error: PhantomData }
    }
}

impl<'de, E: serde::de::Error> Deserializer<'de> for Missing<E> {
    type Error = E;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        let number = self.number;
        visitor.visit_unit::<E>().map_err(|_| E::custom(format_args!("argument {number} is missing")))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_none()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct newtype_struct seq
        tuple tuple_struct map struct enum identifier ignored_any
    }
}
