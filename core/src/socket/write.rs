//! Writes what the application says as JSON, as serde_json writes it, behind what has been written already: serde_json alone
//! gives, without std, text of its own each time, and looks at strings byte by byte. Tests compare the two. Knows no events.

use super::check::plain;
use crate::digits::push_number;
use alloc::string::String;
use core::fmt::{self, Display};
use serde::Serialize;
use serde::ser::{self, Serializer};

/// Appends a value as JSON; one that can not be JSON (a map whose keys are no strings) as `null`.
pub(crate) fn push_json(out: &mut String, value: &(impl Serialize + ?Sized)) {
    let start = out.len();
    if value.serialize(Writer { out }).is_err() {
        out.truncate(start);
        out.push_str("null");
    }
}

/// Appends a string, with quotes and escapes.
pub(crate) fn push_string(out: &mut String, text: &str) {
    out.reserve(text.len() + 2);
    out.push('"');
    let mut rest = text;
    loop {
        let (unchanged, special) = rest.split_at(plain(rest.as_bytes(), 0));
        out.push_str(unchanged);
        // What is special is ASCII.
        let Some(byte) = special.bytes().next() else { break };
        push_escape(out, byte);
        rest = special.get(1..).unwrap_or_default();
    }
    out.push('"');
}

fn push_escape(out: &mut String, byte: u8) {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    out.push('\\');
    match byte {
        0x08 => out.push('b'),
        b'\t' => out.push('t'),
        b'\n' => out.push('n'),
        0x0c => out.push('f'),
        b'\r' => out.push('r'),
        b'"' | b'\\' => out.push(char::from(byte)),
        _ => {
            out.push_str("u00");
            out.push(HEX[usize::from(byte >> 4)]);
            out.push(HEX[usize::from(byte & 15)]);
        }
    }
}

/// Why a value can not be written. Nobody is told.
#[derive(Debug)]
struct Unwritable;

impl Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not to be written as JSON")
    }
}

impl core::error::Error for Unwritable {}

impl ser::Error for Unwritable {
    fn custom<T: Display>(_: T) -> Self {
        Self
    }
}

type Written = Result<(), Unwritable>;

struct Writer<'a> {
    out: &'a mut String,
}

/// An array or object that has begun.
struct Open<'a> {
    out: &'a mut String,
    /// Something is in it already.
    filled: bool,
    close: &'static str,
    /// It is no object, but stands for JSON that has been written already, in its only member.
    is_written: bool,
}

/// What the names of serde_json's structs begin with that stand for JSON as text.
const WRITTEN: &str = "$serde_json::private::";

impl<'a> Writer<'a> {
    fn open(self, open: &str, close: &'static str) -> Open<'a> {
        self.out.push_str(open);
        Open { out: self.out, filled: false, close, is_written: false }
    }

    /// Within an object whose only member is named like the variant.
    fn open_variant(self, variant: &str, open: &str, close: &'static str) -> Open<'a> {
        self.out.push('{');
        push_string(self.out, variant);
        self.out.push(':');
        self.open(open, close)
    }

    fn text(self, text: &str) -> Written {
        self.out.push_str(text);
        Ok(())
    }

    /// A number that is seldom sent.
    fn number(self, number: impl Serialize) -> Written {
        let written = serde_json::to_string(&number).map_err(|_| Unwritable)?;
        self.text(&written)
    }
}

impl<'a> Serializer for Writer<'a> {
    type Ok = ();
    type Error = Unwritable;
    type SerializeSeq = Open<'a>;
    type SerializeTuple = Open<'a>;
    type SerializeTupleStruct = Open<'a>;
    type SerializeTupleVariant = Open<'a>;
    type SerializeMap = Open<'a>;
    type SerializeStruct = Open<'a>;
    type SerializeStructVariant = Open<'a>;

    fn serialize_bool(self, value: bool) -> Written {
        self.text(if value { "true" } else { "false" })
    }

    fn serialize_i8(self, value: i8) -> Written {
        self.serialize_i64(value.into())
    }

    fn serialize_i16(self, value: i16) -> Written {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Written {
        self.serialize_i64(value.into())
    }

    fn serialize_i64(self, value: i64) -> Written {
        if value < 0 {
            self.out.push('-');
        }
        self.serialize_u64(value.unsigned_abs())
    }

    fn serialize_i128(self, value: i128) -> Written {
        self.number(value)
    }

    fn serialize_u8(self, value: u8) -> Written {
        self.serialize_u64(value.into())
    }

    fn serialize_u16(self, value: u16) -> Written {
        self.serialize_u64(value.into())
    }

    fn serialize_u32(self, value: u32) -> Written {
        self.serialize_u64(value.into())
    }

    fn serialize_u64(self, value: u64) -> Written {
        push_number(self.out, value);
        Ok(())
    }

    fn serialize_u128(self, value: u128) -> Written {
        self.number(value)
    }

    fn serialize_f32(self, value: f32) -> Written {
        self.number(value)
    }

    fn serialize_f64(self, value: f64) -> Written {
        self.number(value)
    }

    fn serialize_char(self, value: char) -> Written {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Written {
        push_string(self.out, value);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Written {
        self.collect_seq(value)
    }

    fn serialize_none(self) -> Written {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Written {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Written {
        self.text("null")
    }

    fn serialize_unit_struct(self, _: &'static str) -> Written {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Written {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Written {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Written {
        let open = self.open_variant(variant, "", "}");
        value.serialize(Writer { out: open.out })?;
        open.end()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Open<'a>, Unwritable> {
        Ok(self.open("[", "]"))
    }

    fn serialize_tuple(self, _: usize) -> Result<Open<'a>, Unwritable> {
        Ok(self.open("[", "]"))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Open<'a>, Unwritable> {
        Ok(self.open("[", "]"))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Open<'a>, Unwritable> {
        Ok(self.open_variant(variant, "[", "]}"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Open<'a>, Unwritable> {
        Ok(self.open("{", "}"))
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Open<'a>, Unwritable> {
        if name.starts_with(WRITTEN) {
            return Ok(Open { is_written: true, ..self.open("", "") });
        }
        Ok(self.open("{", "}"))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Open<'a>, Unwritable> {
        Ok(self.open_variant(variant, "{", "}}"))
    }
}

impl Open<'_> {
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        if self.filled {
            self.out.push(',');
        }
        self.filled = true;
        value.serialize(Writer { out: self.out })
    }

    fn member<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Written {
        if self.is_written {
            return self.written(value);
        }
        self.element(name)?;
        self.out.push(':');
        value.serialize(Writer { out: self.out })
    }

    /// JSON that stands in a string. It is written as one, and read again: it is seldom sent.
    fn written<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        let start = self.out.len();
        value.serialize(Writer { out: self.out })?;
        let json: String = serde_json::from_str(&self.out.split_off(start)).map_err(|_| Unwritable)?;
        self.out.push_str(&json);
        Ok(())
    }

    #[expect(clippy::unnecessary_wraps, reason = "what serde wants")]
    fn end(self) -> Written {
        self.out.push_str(self.close);
        Ok(())
    }
}

impl ser::SerializeMap for Open<'_> {
    type Ok = ();
    type Error = Unwritable;

    /// Numbers and truth values are written as strings, whatever else is no string can not be a key.
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Written {
        let start = self.out.len() + usize::from(self.filled);
        self.element(key)?;
        match self.out.as_bytes().get(start) {
            Some(b'"') => {}
            Some(b'-' | b'0'..=b'9' | b't' | b'f') => {
                self.out.insert(start, '"');
                self.out.push('"');
            }
            _ => return Err(Unwritable),
        }
        self.out.push(':');
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        value.serialize(Writer { out: self.out })
    }

    fn end(self) -> Written {
        self.end()
    }
}

/// What is an array.
macro_rules! elements {
    ($($kind:ident $add:ident),*) => {$(
        impl ser::$kind for Open<'_> {
            type Ok = ();
            type Error = Unwritable;

            fn $add<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
                self.element(value)
            }

            fn end(self) -> Written {
                self.end()
            }
        }
    )*};
}

/// What is an object, but a map.
macro_rules! members {
    ($($kind:ident),*) => {$(
        impl ser::$kind for Open<'_> {
            type Ok = ();
            type Error = Unwritable;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Written {
                self.member(name, value)
            }

            fn end(self) -> Written {
                self.end()
            }
        }
    )*};
}

elements! {
    SerializeSeq serialize_element,
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field
}
members! { SerializeStruct, SerializeStructVariant }

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::boxed::Box;
    use alloc::collections::BTreeMap;
    use alloc::string::ToString as _;
    use alloc::vec;
    use alloc::vec::Vec;
    use serde_json::value::RawValue;

    fn same(value: &(impl Serialize + ?Sized)) {
        let mut out = "before,".to_string();
        push_json(&mut out, value);
        let expected = serde_json::to_string(value).unwrap_or_else(|_| "null".into());
        assert_eq!(out.strip_prefix("before,"), Some(&*expected));
    }

    #[derive(Serialize)]
    struct Everything<'a> {
        truth: (bool, bool),
        signed: (i8, i16, i32, i64, i128),
        unsigned: (u8, u16, u32, u64, u128),
        floats: Vec<f64>,
        small: [f32; 3],
        letters: [char; 4],
        text: &'a str,
        nothing: Option<()>,
        something: Option<&'a str>,
        unit: Unit,
        wrapped: Wrapped<'a>,
        pair: Pair,
        empty: (Vec<u8>, BTreeMap<u8, u8>, Empty),
        #[serde(skip_serializing_if = "Option::is_none")]
        left_out: Option<u8>,
        variants: Vec<Variant<'a>>,
        by_text: BTreeMap<&'a str, u8>,
        by_number: BTreeMap<i16, u8>,
        by_truth: BTreeMap<bool, u8>,
        by_letter: BTreeMap<char, Unit>,
        raw: Box<RawValue>,
        #[serde(flatten)]
        flat: BTreeMap<String, Vec<Option<u8>>>,
    }

    #[derive(Serialize)]
    struct Empty {}

    #[derive(Serialize)]
    struct Unit;

    #[derive(Serialize)]
    struct Wrapped<'a>(&'a str);

    #[derive(Serialize)]
    struct Pair(u8, &'static str);

    #[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
    enum Variant<'a> {
        Unit,
        #[serde(rename = "new\ntype")]
        Newtype(&'a str),
        Tuple(u8, u8),
        Struct {
            a: u8,
            b: &'a str,
        },
    }

    struct Bytes;

    impl Serialize for Bytes {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_bytes(&[0, 9, 255])
        }
    }

    struct Shown;

    impl Serialize for Shown {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_str(&format_args!("a\"{}", 1))
        }
    }

    #[test]
    fn every_kind_of_value_is_written_as_by_serde_json() {
        let text = "a\"b\\c\u{8}\t\n\u{c}\r\u{0}\u{1f}\u{7f}/é😀\u{2028}";
        let variants =
            || vec![Variant::Unit, Variant::Newtype(text), Variant::Tuple(1, 2), Variant::Struct { a: 1, b: "x" }];
        let everything = Everything {
            truth: (true, false),
            signed: (i8::MIN, -1, i32::MIN, i64::MIN, i128::MIN),
            unsigned: (0, 9, 10, u64::MAX, u128::MAX),
            floats: vec![0.0, -0.0, 1.0, 0.1, 1e300, -1.5e-7, f64::NAN, f64::INFINITY, f64::MIN_POSITIVE],
            small: [0.1, 16_777_216.0, f32::NEG_INFINITY],
            letters: ['a', '"', '\u{1}', '😀'],
            text,
            nothing: None,
            something: Some("x"),
            unit: Unit,
            wrapped: Wrapped(text),
            pair: Pair(1, "b"),
            empty: (Vec::new(), BTreeMap::new(), Empty {}),
            left_out: None,
            variants: variants(),
            by_text: [(text, 1), ("b", 2)].into(),
            by_number: [(-1, 1), (7, 2)].into(),
            by_truth: [(true, 1)].into(),
            by_letter: [('"', Unit)].into(),
            raw: RawValue::from_string("{ \"a\" : [1e400, \"\\ud800\"] }".into()).expect("JSON"),
            flat: [("x".into(), vec![None, Some(1)])].into(),
        };
        same(&everything);
        same(&[&everything, &everything]);
        same(&Bytes);
        same(&Shown);
        same(text);
        same(&serde_json::json!({"a": [1, -2.5, null, true, {"b": "c\n"}], "": {}}));
    }

    #[test]
    fn what_serde_json_does_not_take_is_null() {
        same(&BTreeMap::from([((1, 2), 3)]));
        same(&BTreeMap::from([((), 3)]));
        same(&BTreeMap::from([(None::<u8>, 3)]));
        same(&BTreeMap::from([(Some(1), 3)]));
        same(&BTreeMap::from([(Variant::Newtype("a"), 3)]));
        same(&BTreeMap::from([(Variant::Unit, 3)]));
        same(&vec![Ok(1), Err(BTreeMap::from([(vec![1], 1)]))]);
    }

    #[test]
    fn strings_of_any_length_are_escaped_where_they_must_be() {
        for byte in 0..=0x80_u8 {
            for (before, after) in (0..40).zip([0, 1, 7, 8, 16, 31].into_iter().cycle()) {
                let text = alloc::format!("{}{}{}", "x".repeat(before), char::from(byte), "é".repeat(after));
                same(&*text);
                same(&*text.repeat(2));
            }
        }
    }
}
