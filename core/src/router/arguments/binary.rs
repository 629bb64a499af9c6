//! Bytes in the arguments of an event.

use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt;
use core::ops::Deref;
use serde::de::{Error as _, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The name by which a deserializer knows that bytes are wanted, and nothing that looks like them.
pub(super) const TOKEN: &str = "$sanket::Binary";

/// Bytes anywhere in the arguments of an event or an acknowledgement: an `ArrayBuffer`, a `Blob` or a `Buffer` of a JavaScript
/// client. They are sent and received as an attachment of the packet, without base64 (Socket.IO protocol, "Binary event").
///
/// What a type of one's own serializes by `serialize_bytes` is sent in the same way, as `serde_bytes` does.
///
/// Attachments are not found behind serde's `flatten` and `untagged`, which look at the arguments before it is known that bytes are
/// wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Binary(pub Bytes);

impl Deref for Binary {
    type Target = Bytes;

    fn deref(&self) -> &Bytes {
        &self.0
    }
}

impl<T: Into<Bytes>> From<T> for Binary {
    fn from(bytes: T) -> Self {
        Self(bytes.into())
    }
}

impl Serialize for Binary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Binary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Attachment;

        impl<'de> Visitor<'de> for Attachment {
            type Value = Binary;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("binary data")
            }

            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Binary, E> {
                Ok(Binary(Bytes::copy_from_slice(bytes)))
            }

            fn visit_byte_buf<E: serde::de::Error>(self, bytes: Vec<u8>) -> Result<Binary, E> {
                Ok(Binary(bytes.into()))
            }

            /// A deserializer of something else than arguments with attachments. JSON has no bytes.
            fn visit_newtype_struct<D: Deserializer<'de>>(self, _: D) -> Result<Binary, D::Error> {
                Err(D::Error::invalid_type(Unexpected::Other("JSON"), &self))
            }
        }

        deserializer.deserialize_newtype_struct(TOKEN, Attachment)
    }
}
