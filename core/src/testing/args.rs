//! Arguments of events and acks, as a test gives and sees them, and what it gives as credentials.

use crate::frame::Revision;
use crate::router::{read_value, write};
use crate::socket::to_json;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt;
use core::ops::Index;
use serde::de::DeserializeOwned;
use serde::ser::SerializeTuple as _;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

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
    /// Arguments and attachments apart. The placeholders are not checked.
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

    /// The first argument as a `T`.
    ///
    /// # Errors
    ///
    /// If it is none.
    pub fn first_as<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        read_value(&to_json(&self[0]), &self.attachments)
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

/// They are arguments as they stand, and not one argument.
impl Serialize for Args {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(self.values.len())?;
        for value in &self.values {
            tuple.serialize_element(&Attached { value, attachments: &self.attachments })?;
        }
        tuple.end()
    }
}

/// A value with attachments in the place of its placeholders.
struct Attached<'a> {
    value: &'a Value,
    attachments: &'a [Bytes],
}

impl Serialize for Attached<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let within = |value| Attached { value, attachments: self.attachments };
        match self.value {
            Value::Array(values) => serializer.collect_seq(values.iter().map(within)),
            Value::Object(fields) => {
                let num = fields.get("num").filter(|_| fields.get("_placeholder") == Some(&Value::Bool(true)));
                let num = num.and_then(Value::as_u64).and_then(|num| usize::try_from(num).ok());
                match num.and_then(|num| self.attachments.get(num)) {
                    Some(bytes) => serializer.serialize_bytes(bytes),
                    None => serializer.collect_map(fields.iter().map(|(name, value)| (name, within(value)))),
                }
            }
            value => value.serialize(serializer),
        }
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

/// Arguments, to compare with what was heard: `args(("cat.png", Binary(bytes)))`. `()` is none, a tuple is several, and any other
/// value that serializes is one, as for [`Emitter::emit`](crate::router::Emitter::emit).
///
/// # Panics
///
/// If they cannot be JSON.
#[must_use]
#[track_caller]
pub fn args(args: impl Serialize) -> Args {
    let written = write(&args).unwrap_or_else(|error| panic!("these arguments cannot be JSON: {error}"));
    let values = serde_json::from_str(&format!("[{}]", written.json)).unwrap_or_default();
    Args::new(values, written.attachments)
}

/// The credentials that a client connects to a namespace with: `()` and `None` are none.
#[track_caller]
pub(super) fn auth(auth: impl Serialize) -> String {
    match serde_json::to_string(&auth) {
        Ok(json) if json == "null" => String::new(),
        Ok(json) => json,
        Err(error) => panic!("these credentials cannot be JSON: {error}"),
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
