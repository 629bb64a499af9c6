//! Arguments of events and acks, as a test gives and sees them, and what it gives as credentials.

use crate::frame::Revision;
use crate::socket::to_json;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt;
use core::ops::Index;
use serde_json::{Map, Value, json};

/// The arguments of an event or of an ack, with their attachments.
///
/// An attachment stands in the values as `{"_placeholder":true,"num":n}`, wherever its place is. Arguments without
/// attachments are equal to the JSON array of the values.
#[derive(Clone, Default, PartialEq)]
pub struct Args {
    values: Vec<Value>,
    attachments: Vec<Bytes>,
}

impl Args {
    /// Arguments with attachments in places that a tuple cannot tell: inside of arrays and objects. The placeholders
    /// are not checked.
    #[must_use]
    pub fn new(values: Vec<Value>, attachments: Vec<Bytes>) -> Self {
        Self { values, attachments }
    }

    /// The values, with placeholders.
    #[must_use]
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// The attachments, in the order of the numbers of their placeholders.
    #[must_use]
    pub fn attachments(&self) -> &[Bytes] {
        &self.attachments
    }

    /// JSON values with commas between them.
    pub(super) fn json(&self) -> String {
        let array = to_json(&self.values);
        array.get(1..array.len() - 1).unwrap_or_default().into()
    }

    pub(super) fn first(&mut self) -> Option<Value> {
        (!self.values.is_empty()).then(|| self.values.remove(0))
    }

    pub(super) fn last(&self) -> Option<&Value> {
        self.values.last()
    }

    pub(super) fn drop_last(&mut self) {
        self.values.pop();
    }

    pub(super) fn insert_first(&mut self, value: Value) {
        self.values.insert(0, value);
    }
}

impl PartialEq<Value> for Args {
    fn eq(&self, other: &Value) -> bool {
        self.attachments.is_empty() && other.as_array().is_some_and(|values| *values == self.values)
    }
}

impl Index<usize> for Args {
    type Output = Value;

    /// The value of an argument; `null` if there are fewer.
    fn index(&self, index: usize) -> &Value {
        self.values.get(index).unwrap_or(&Value::Null)
    }
}

impl fmt::Debug for Args {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_json(&self.values))?;
        if self.attachments.is_empty() { Ok(()) } else { write!(f, " with {:?}", self.attachments) }
    }
}

/// One argument: a boolean, a number, text, a [`Value`], an `Option` of one of them, or [`Bytes`], which become an
/// attachment. `json!(value)` makes a [`Value`] of whatever serializes.
pub trait Arg {
    /// Adds it to the others.
    fn add_to(self, values: &mut Vec<Value>, attachments: &mut Vec<Bytes>);
}

impl Arg for Bytes {
    fn add_to(self, values: &mut Vec<Value>, attachments: &mut Vec<Bytes>) {
        values.push(json!({ "_placeholder": true, "num": attachments.len() }));
        attachments.push(self);
    }
}

impl<T: Arg> Arg for Option<T> {
    fn add_to(self, values: &mut Vec<Value>, attachments: &mut Vec<Bytes>) {
        match self {
            Some(value) => value.add_to(values, attachments),
            None => values.push(Value::Null),
        }
    }
}

macro_rules! plain_arguments {
    ($($type:ty),*) => {
        $(impl Arg for $type {
            fn add_to(self, values: &mut Vec<Value>, _: &mut Vec<Bytes>) {
                values.push(self.into());
            }
        })*
    };
}

plain_arguments!(bool, i8, i16, i32, i64, isize, u8, u16, u32, u64, usize, f32, f64, &str, String, Value);

/// What is given as the arguments of an event or ack: `()` is none, an [`Arg`] is one, a tuple is several, and [`Args`]
/// are themselves.
pub trait IntoArgs {
    /// The arguments.
    fn into_args(self) -> Args;
}

impl IntoArgs for () {
    fn into_args(self) -> Args {
        Args::default()
    }
}

impl IntoArgs for Args {
    fn into_args(self) -> Args {
        self
    }
}

impl<T: Arg> IntoArgs for T {
    fn into_args(self) -> Args {
        let mut args = Args::default();
        self.add_to(&mut args.values, &mut args.attachments);
        args
    }
}

macro_rules! tuples {
    ($(($($name:ident),+))*) => {
        $(impl<$($name: Arg),+> IntoArgs for ($($name,)+) {
            fn into_args(self) -> Args {
                #[expect(non_snake_case, reason = "one name for the type and its value")]
                let ($($name,)+) = self;
                let mut args = Args::default();
                $($name.add_to(&mut args.values, &mut args.attachments);)+
                args
            }
        })*
    };
}

tuples! { (A) (A, B) (A, B, C) (A, B, C, D) (A, B, C, D, E) (A, B, C, D, E, F) }

/// Arguments, to compare with what was heard: `args(("cat.png", bytes))`.
#[must_use]
pub fn args(args: impl IntoArgs) -> Args {
    args.into_args()
}

/// The credentials that a client connects to a namespace with.
pub trait IntoAuth {
    /// The data of the CONNECT packet; empty if there is none.
    fn into_auth(self) -> String;
}

impl IntoAuth for () {
    fn into_auth(self) -> String {
        String::new()
    }
}

impl IntoAuth for Value {
    fn into_auth(self) -> String {
        to_json(&self)
    }
}

impl IntoAuth for Option<Value> {
    fn into_auth(self) -> String {
        self.map(IntoAuth::into_auth).unwrap_or_default()
    }
}

/// Text is sent as it is, whether or not it is JSON.
impl IntoAuth for &str {
    fn into_auth(self) -> String {
        self.into()
    }
}

/// What a client sends after the name of a namespace: `{...}` in EIO=4, `?name=value` in EIO=3. What is remembered for
/// recovery stands before the credentials, as in `socket.io-client`.
pub(super) fn written_auth(revision: Revision, auth: &str, remembered: Map<String, Value>) -> String {
    let object = || if auth.is_empty() { Some(Map::new()) } else { serde_json::from_str(auth).ok() };
    match revision {
        Revision::V4 if remembered.is_empty() => auth.into(),
        Revision::V4 => object().map_or_else(
            || auth.into(),
            |auth| {
                let mut all = remembered;
                all.extend(auth);
                to_json(&all)
            },
        ),
        Revision::V3 => {
            let mut query = form_urlencoded::Serializer::new(String::new());
            for (name, value) in object().unwrap_or_default() {
                let text = value.as_str().map_or_else(|| to_json(&value), Into::into);
                query.append_pair(&name, &text);
            }
            query.finish()
        }
    }
}
