//! From values of an application to the arguments of a packet: JSON, and attachments where there are bytes.

use super::Written;
use alloc::vec::Vec;
use bytes::Bytes;
use core::cell::{Cell, RefCell};
use core::fmt;
use serde::ser::{
    SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple, SerializeTupleStruct,
    SerializeTupleVariant,
};
use serde::{Serialize, Serializer};

/// Writes arguments: those of a tuple, none for `()`, and one for any other value.
pub(crate) fn write(value: &(impl Serialize + ?Sized)) -> Result<Written, serde_json::Error> {
    let (attachments, shape) = (RefCell::default(), Cell::new(Shape::One));
    let mut json = serde_json::to_string(&Within { value, attachments: &attachments, shape: Some(&shape) })?;
    match shape.get() {
        Shape::One => {}
        Shape::None => json.clear(),
        Shape::Several => {
            json.pop();
            json.remove(0);
        }
    }
    Ok(Written { json, attachments: attachments.into_inner() })
}

/// How many arguments a value is.
#[derive(Clone, Copy)]
enum Shape {
    One,
    /// A tuple.
    Several,
    /// `()`.
    None,
}

type Attachments = RefCell<Vec<Bytes>>;

/// Serializes to `inner`, bytes apart.
struct Attaching<'a, S> {
    inner: S,
    attachments: &'a Attachments,
    /// Set at the outermost value.
    shape: Option<&'a Cell<Shape>>,
}

/// What stands for an attachment.
#[derive(Serialize)]
struct Placeholder {
    _placeholder: bool,
    num: usize,
}

/// A value, as a whole or in another.
struct Within<'a, T: ?Sized> {
    value: &'a T,
    attachments: &'a Attachments,
    shape: Option<&'a Cell<Shape>>,
}

fn within<'a, T: ?Sized>(value: &'a T, attachments: &'a Attachments) -> Within<'a, T> {
    Within { value, attachments, shape: None }
}

impl<T: Serialize + ?Sized> Serialize for Within<'_, T> {
    fn serialize<S: Serializer>(&self, inner: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(Attaching { inner, attachments: self.attachments, shape: self.shape })
    }
}

/// A value that is written piece by piece.
struct Pieces<'a, S> {
    inner: S,
    attachments: &'a Attachments,
}

impl<'a, S> Attaching<'a, S> {
    fn pieces<E, P>(self, begin: impl FnOnce(S) -> Result<P, E>) -> Result<Pieces<'a, P>, E> {
        Ok(Pieces { inner: begin(self.inner)?, attachments: self.attachments })
    }

    fn is(&self, shape: Shape) {
        if let Some(outermost) = self.shape {
            outermost.set(shape);
        }
    }
}

macro_rules! forward {
    ($($method:ident($type:ty);)*) => {
        $(fn $method(self, value: $type) -> Result<S::Ok, S::Error> {
            self.inner.$method(value)
        })*
    };
}

impl<'a, S: Serializer> Serializer for Attaching<'a, S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Pieces<'a, S::SerializeSeq>;
    type SerializeTuple = Pieces<'a, S::SerializeTuple>;
    type SerializeTupleStruct = Pieces<'a, S::SerializeTupleStruct>;
    type SerializeTupleVariant = Pieces<'a, S::SerializeTupleVariant>;
    type SerializeMap = Pieces<'a, S::SerializeMap>;
    type SerializeStruct = Pieces<'a, S::SerializeStruct>;
    type SerializeStructVariant = Pieces<'a, S::SerializeStructVariant>;

    forward! {
        serialize_bool(bool);
        serialize_i8(i8);
        serialize_i16(i16);
        serialize_i32(i32);
        serialize_i64(i64);
        serialize_i128(i128);
        serialize_u8(u8);
        serialize_u16(u16);
        serialize_u32(u32);
        serialize_u64(u64);
        serialize_u128(u128);
        serialize_f32(f32);
        serialize_f64(f64);
        serialize_char(char);
        serialize_str(&str);
        serialize_unit_struct(&'static str);
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<S::Ok, S::Error> {
        let num = {
            let mut attachments = self.attachments.borrow_mut();
            attachments.push(Bytes::copy_from_slice(bytes));
            attachments.len() - 1
        };
        Placeholder { _placeholder: true, num }.serialize(self.inner)
    }

    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        self.inner.serialize_none()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.inner.serialize_some(&within(value, self.attachments))
    }

    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        self.is(Shape::None);
        self.inner.serialize_unit()
    }

    fn serialize_unit_variant(self, name: &'static str, index: u32, variant: &'static str) -> Result<S::Ok, S::Error> {
        self.inner.serialize_unit_variant(name, index, variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<S::Ok, S::Error> {
        self.inner.serialize_newtype_struct(name, &within(value, self.attachments))
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.inner.serialize_newtype_variant(name, index, variant, &within(value, self.attachments))
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        self.pieces(|inner| inner.serialize_seq(len))
    }

    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, S::Error> {
        self.is(Shape::Several);
        self.pieces(|inner| inner.serialize_tuple(len))
    }

    fn serialize_tuple_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeTupleStruct, S::Error> {
        self.pieces(|inner| inner.serialize_tuple_struct(name, len))
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        self.pieces(|inner| inner.serialize_tuple_variant(name, index, variant, len))
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        self.pieces(|inner| inner.serialize_map(len))
    }

    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeStruct, S::Error> {
        self.pieces(|inner| inner.serialize_struct(name, len))
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        self.pieces(|inner| inner.serialize_struct_variant(name, index, variant, len))
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.inner.collect_str(value)
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

/// Traits of lists: elements without names.
macro_rules! list {
    ($($of:ident: $method:ident),*) => {
        $(impl<S: $of> $of for Pieces<'_, S> {
            type Ok = S::Ok;
            type Error = S::Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
                self.inner.$method(&within(value, self.attachments))
            }

            fn end(self) -> Result<S::Ok, S::Error> {
                self.inner.end()
            }
        })*
    };
}

/// Traits of structs: fields with names.
macro_rules! fields {
    ($($of:ident),*) => {
        $(impl<S: $of> $of for Pieces<'_, S> {
            type Ok = S::Ok;
            type Error = S::Error;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), S::Error> {
                self.inner.serialize_field(key, &within(value, self.attachments))
            }

            fn skip_field(&mut self, key: &'static str) -> Result<(), S::Error> {
                self.inner.skip_field(key)
            }

            fn end(self) -> Result<S::Ok, S::Error> {
                self.inner.end()
            }
        })*
    };
}

list!(
    SerializeSeq: serialize_element,
    SerializeTuple: serialize_element,
    SerializeTupleStruct: serialize_field,
    SerializeTupleVariant: serialize_field
);
fields!(SerializeStruct, SerializeStructVariant);

impl<S: SerializeMap> SerializeMap for Pieces<'_, S> {
    type Ok = S::Ok;
    type Error = S::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), S::Error> {
        self.inner.serialize_key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
        self.inner.serialize_value(&within(value, self.attachments))
    }

    fn end(self) -> Result<S::Ok, S::Error> {
        self.inner.end()
    }
}
