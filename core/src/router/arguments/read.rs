//! From the arguments of a packet to values of an application.

use super::binary::TOKEN;
use crate::socket::Event;
use bytes::Bytes;
use core::fmt;
use core::marker::PhantomData;
use serde::de::{
    DeserializeOwned, DeserializeSeed, EnumAccess, Error as _, IgnoredAny, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor,
};
use serde::{Deserialize, Deserializer, forward_to_deserialize_any};
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

/// Deserializes from `inner`, with the attachments that placeholders stand for. It wraps what serde hands on, too: visitors, seeds,
/// and access to what is within.
struct Attached<'a, T> {
    inner: T,
    attachments: &'a [Bytes],
}

impl<'a, T> Attached<'a, T> {
    fn with<U>(&self, inner: U) -> Attached<'a, U> {
        Attached { inner, attachments: self.attachments }
    }
}

macro_rules! forward {
    ($($method:ident($($name:ident: $type:ty),*);)*) => {
        $(fn $method<V: Visitor<'de>>(self, $($name: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            let visitor = self.with(visitor);
            self.inner.$method($($name,)* visitor)
        })*
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Attached<'_, D> {
    type Error = D::Error;

    forward! {
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
        deserialize_option();
        deserialize_unit();
        deserialize_unit_struct(name: &'static str);
        deserialize_seq();
        deserialize_tuple(len: usize);
        deserialize_tuple_struct(name: &'static str, len: usize);
        deserialize_map();
        deserialize_struct(name: &'static str, fields: &'static [&'static str]);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
        deserialize_identifier();
        deserialize_ignored_any();
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        let placeholder = Attachment { visitor: self.with(visitor) };
        self.inner.deserialize_any(placeholder)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        if name == TOKEN {
            return self.deserialize_bytes(visitor);
        }
        let visitor = self.with(visitor);
        self.inner.deserialize_newtype_struct(name, visitor)
    }
}

/// Visits a placeholder, where bytes are wanted. Whoever takes a list of numbers for bytes gets that, too.
struct Attachment<'a, V> {
    visitor: Attached<'a, V>,
}

/// What stands for an attachment.
#[derive(Deserialize)]
struct Placeholder {
    _placeholder: bool,
    num: usize,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Attachment<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.inner.expecting(f)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        let Attached { inner, attachments } = self.visitor;
        let placeholder = Placeholder::deserialize(serde::de::value::MapAccessDeserializer::new(map));
        let is_one = placeholder.ok().filter(|placeholder| placeholder._placeholder);
        match is_one.and_then(|placeholder| attachments.get(placeholder.num)) {
            Some(bytes) => inner.visit_bytes(bytes),
            None => Err(A::Error::invalid_type(Unexpected::Map, &inner)),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_seq(elements)
    }
}

macro_rules! visit {
    ($($method:ident($type:ty);)*) => {
        $(fn $method<E: serde::de::Error>(self, value: $type) -> Result<V::Value, E> {
            self.inner.$method(value)
        })*
    };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Attached<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    visit! {
        visit_bool(bool);
        visit_i64(i64);
        visit_i128(i128);
        visit_u64(u64);
        visit_u128(u128);
        visit_f64(f64);
        visit_char(char);
        visit_str(&str);
        visit_borrowed_str(&'de str);
        visit_string(alloc::string::String);
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<V::Value, E> {
        self.inner.visit_unit()
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        let inner = self.with(inner);
        self.inner.visit_some(inner)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        let inner = self.with(inner);
        self.inner.visit_newtype_struct(inner)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        let inner = self.with(inner);
        self.inner.visit_seq(inner)
    }

    fn visit_map<A: MapAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        let inner = self.with(inner);
        self.inner.visit_map(inner)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        let inner = self.with(inner);
        self.inner.visit_enum(inner)
    }
}

impl<'de, T: DeserializeSeed<'de>> DeserializeSeed<'de> for Attached<'_, T> {
    type Value = T::Value;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<T::Value, D::Error> {
        let inner = self.with(inner);
        self.inner.deserialize(inner)
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Attached<'_, A> {
    type Error = A::Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, A::Error> {
        let seed = self.with(seed);
        self.inner.next_element_seed(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Attached<'_, A> {
    type Error = A::Error;

    fn next_key_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, A::Error> {
        self.inner.next_key_seed(seed)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, A::Error> {
        let seed = self.with(seed);
        self.inner.next_value_seed(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, 'a, A: EnumAccess<'de>> EnumAccess<'de> for Attached<'a, A> {
    type Error = A::Error;
    type Variant = Attached<'a, A::Variant>;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self::Variant), A::Error> {
        let Self { inner, attachments } = self;
        let (value, inner) = inner.variant_seed(seed)?;
        Ok((value, Attached { inner, attachments }))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Attached<'_, A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, A::Error> {
        let seed = self.with(seed);
        self.inner.newtype_variant_seed(seed)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        let visitor = self.with(visitor);
        self.inner.tuple_variant(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        let visitor = self.with(visitor);
        self.inner.struct_variant(fields, visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::Binary;
    use crate::router::arguments::write;
    use alloc::collections::BTreeMap;
    use alloc::string::String;
    use alloc::vec;
    use alloc::vec::Vec;
    use serde::Serialize;

    fn event(json: &str, attachments: &[&'static [u8]]) -> Event {
        let name = json.find('"').map_or(0..0, |start| start..start + 1 + json[start + 1..].find('"').unwrap() + 1);
        Event::new(json.into(), name, None, attachments.iter().map(|data| Bytes::from_static(data)).collect())
    }

    fn reads<T: DeserializeOwned>(json: &str) -> Result<T, String> {
        read(&event(json, &[])).map_err(|error| alloc::format!("{error}"))
    }

    #[test]
    fn arguments_are_read_as_they_are_wanted() {
        assert_eq!(reads::<String>(r#"["say","hi"]"#).as_deref(), Ok("hi"));
        assert_eq!(reads::<String>(r#"["say","hi",{"more":1}]"#).as_deref(), Ok("hi"));
        assert_eq!(reads::<(String, Option<u8>)>(r#"["say","hi"]"#), Ok(("hi".into(), None)));
        assert_eq!(reads::<(String, Option<u8>)>(r#"[ "say" , "hi", 5 , [6] ] "#), Ok(("hi".into(), Some(5))));
        assert_eq!(reads::<()>(r#"["say",1,2]"#), Ok(()));
        assert_eq!(reads::<()>(r#"["say"]"#), Ok(()));
        assert_eq!(reads::<Option<u8>>(r#"["say"]"#), Ok(None));
        assert_eq!(reads::<Option<u8>>(r#"["say",null]"#), Ok(None));
        assert_eq!(reads::<serde_json::Value>(r#"["say"]"#), Ok(serde_json::Value::Null));
        assert_eq!(reads::<Vec<u8>>(r#"["say",[1,2]]"#), Ok(vec![1, 2]));
        assert_eq!(reads::<((u8, u8),)>(r#"["say",[1,2]]"#), Ok(((1, 2),)));
        assert_eq!(reads::<u8>(r#"["say"]"#), Err("argument 1 is missing".into()));
        assert_eq!(reads::<(u8, u8)>(r#"["say",1]"#), Err("argument 2 is missing at line 1 column 9".into()));
        assert!(reads::<u8>(r#"["say","1"]"#).unwrap_err().starts_with(r#"invalid type: string "1", expected u8"#));
        let answer = Event::acknowledgement("[7,8]".into(), Vec::new());
        assert_eq!(read::<(u8, u8)>(&answer).ok(), Some((7, 8)));
        assert_eq!(read::<u8>(&answer).ok(), Some(7));
        assert_eq!(read::<Option<u8>>(&Event::acknowledgement("[]".into(), Vec::new())).ok(), Some(None));
    }

    #[derive(Debug, PartialEq, Serialize, serde::Deserialize)]
    enum Kind {
        Empty,
        New(Binary),
        Tuple(u8, Binary),
        Struct { data: Binary },
    }

    #[derive(Debug, PartialEq, Serialize, serde::Deserialize)]
    struct Wrapper(Binary);

    #[derive(Debug, PartialEq, Serialize, serde::Deserialize)]
    struct Pair(Binary, String);

    #[derive(Debug, PartialEq, Serialize, serde::Deserialize)]
    struct File {
        name: String,
        data: Option<Binary>,
        parts: Vec<Wrapper>,
        kinds: Vec<Kind>,
        by_name: BTreeMap<String, (u8, Binary)>,
        pair: Pair,
        nothing: (),
    }

    #[test]
    fn bytes_are_attachments_wherever_they_are() {
        let bytes = |text: &'static str| Binary(Bytes::from_static(text.as_bytes()));
        let file = File {
            name: "a".into(),
            data: Some(bytes("0")),
            parts: vec![Wrapper(bytes("1")), Wrapper(bytes("2"))],
            kinds: vec![
                Kind::Empty,
                Kind::New(bytes("3")),
                Kind::Tuple(4, bytes("4")),
                Kind::Struct { data: bytes("5") },
            ],
            by_name: BTreeMap::from([("six".into(), (6, bytes("6")))]),
            pair: Pair(bytes("7"), "b".into()),
            nothing: (),
        };
        let written = write(&("file", &file, bytes("8"))).unwrap();
        assert_eq!(written.attachments, ["0", "1", "2", "3", "4", "5", "6", "7", "8"]);
        assert!(written.json.starts_with(r#""file",{"name":"a","data":{"_placeholder":true,"num":0},"parts":["#));
        let json = alloc::format!("[\"name\",{}]", written.json);
        let event = Event::new(json.into(), 1..7, None, written.attachments.clone());
        let read: (String, File, Binary) = read(&event).unwrap();
        assert_eq!(read, ("file".into(), file, bytes("8")));
    }

    #[test]
    fn how_many_arguments_a_value_is() {
        let json = |value: &dyn erased::Json| value.json();
        assert_eq!(json(&"a"), r#""a""#);
        assert_eq!(json(&("a", 1)), r#""a",1"#);
        assert_eq!(json(&(("a", 1),)), r#"["a",1]"#);
        assert_eq!(json(&()), "");
        assert_eq!(json(&vec![1, 2]), "[1,2]");
        assert_eq!(json(&Some(())), "null");
        assert_eq!(json(&None::<u8>), "null");
        assert_eq!(json(&serde_json::json!([1, { "b": 2.5 }])), r#"[1,{"b":2.5}]"#);
        let raw = serde_json::value::RawValue::from_string("1e400".into()).unwrap();
        assert_eq!(json(&(&raw, &raw)), "1e400,1e400");
        assert!(write(&BTreeMap::from([((1, 2), 3)])).is_err());
    }

    mod erased {
        pub(super) trait Json {
            fn json(&self) -> alloc::string::String;
        }

        impl<T: serde::Serialize> Json for T {
            fn json(&self) -> alloc::string::String {
                super::write(self).unwrap().json
            }
        }
    }

    #[test]
    fn only_attachments_are_binary() {
        let is_binary = |json: &str| read::<Binary>(&event(json, &[b"x"])).is_ok();
        assert!(is_binary(r#"["a",{"_placeholder":true,"num":0}]"#));
        for other in ["null", "\"x\"", "[120]", "{}", r#"{"_placeholder":true}"#, r#"{"_placeholder":false,"num":0}"#] {
            assert!(!is_binary(&alloc::format!(r#"["a",{other}]"#)), "{other}");
        }
        // Without attachments there are none.
        assert!(reads::<Binary>(r#"["a","x"]"#).is_err() && reads::<Binary>(r#"["a",[1]]"#).is_err());
        assert!(reads::<Option<Binary>>(r#"["a",null]"#).is_ok());
    }
}
