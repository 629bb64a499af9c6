//! An outgoing packet, encoded once and shared by everyone who gets it. It is bytes and the views of them that the
//! transports need; what the bytes mean is known to those who make it (`socket::packet`, `engine::session`).
//!
//! | recipient | text | attachment |
//! |---|---|---|
//! | WebSocket, EIO=4 | shared | shared, from byte 1 |
//! | WebSocket, EIO=3 | shared | shared, whole: `0x04` + bytes |
//! | polling, EIO=4 | appended to the payload | `b` + base64 |
//! | polling, EIO=3 | appended after its length in UTF-16 units | `0x04` + bytes, or `b4` + base64 |

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use bytes::{BufMut, Bytes, BytesMut};

/// Engine.IO protocol revision: what the `EIO` query parameter says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Revision {
    /// `EIO=3`: JS clients 1.x and 2.x.
    V3,
    /// `EIO=4`: JS clients 3.x and 4.x.
    V4,
}

impl Revision {
    /// 3 or 4.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::V3 => 3,
            Self::V4 => 4,
        }
    }
}

/// One WebSocket message, ready to be framed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WsMessage {
    /// A text message; the bytes are UTF-8.
    Text(Bytes),
    /// A binary message.
    Binary(Bytes),
}

/// One Engine.IO `message` packet (or the `open` packet) with the attachments that follow it, encoded. Cloning shares.
#[derive(Clone, Debug)]
pub struct Frame(Arc<Encoded>);

#[derive(Debug)]
struct Encoded {
    /// The packet with its type digit. Empty where there is only something binary.
    text: Bytes,
    /// What EIO=3 clients get instead of `text`, where that is something else.
    text_v3: Option<Bytes>,
    /// The length of EIO=3's text as JavaScript counts it, for payloads.
    utf16_len: usize,
    /// Each with `0x04` before it, as EIO=3 wants it; EIO=4 looks past that byte.
    attachments: Box<[Bytes]>,
    /// What a queue counts for it, in bytes.
    cost: usize,
    volatile: bool,
    compress: bool,
}

/// The type digit of a `message` packet in EIO=3's binary form.
const MESSAGE: u8 = 0x04;

impl Frame {
    /// A frame of `text`, an Engine.IO packet with its type digit, and the attachments that belong to it.
    #[must_use]
    pub fn new(text: String, attachments: &[Bytes]) -> Self {
        Self::encoded(text, None, attachments)
    }

    /// The same, with another text for EIO=3 clients.
    pub(crate) fn with_v3(text: String, text_v3: String, attachments: &[Bytes]) -> Self {
        Self::encoded(text, Some(text_v3), attachments)
    }

    /// A frame of nothing but a binary message.
    #[must_use]
    pub fn binary(data: Bytes) -> Self {
        Self::encoded(String::new(), None, &[data])
    }

    fn encoded(text: String, text_v3: Option<String>, attachments: &[Bytes]) -> Self {
        let utf16_len = text_v3.as_ref().unwrap_or(&text).encode_utf16().count();
        let attachments: Box<[Bytes]> = attachments
            .iter()
            .map(|data| {
                let mut bytes = BytesMut::with_capacity(1 + data.len());
                bytes.put_u8(MESSAGE);
                bytes.put_slice(data);
                bytes.freeze()
            })
            .collect();
        let cost = text.len() + attachments.iter().map(Bytes::len).sum::<usize>();
        let (text, text_v3) = (text.into(), text_v3.map(Bytes::from));
        Self(Arc::new(Encoded { text, text_v3, utf16_len, attachments, cost, volatile: false, compress: true }))
    }

    /// The same, to be dropped where the client can not take it at once.
    ///
    /// Must be called before the frame is shared; afterwards it changes nothing.
    #[must_use]
    pub(crate) fn volatile(mut self) -> Self {
        if let Some(encoded) = Arc::get_mut(&mut self.0) {
            encoded.volatile = true;
        }
        self
    }

    /// The same, not worth compressing. Must be called before the frame is shared, too.
    #[must_use]
    pub(crate) fn uncompressed(mut self) -> Self {
        if let Some(encoded) = Arc::get_mut(&mut self.0) {
            encoded.compress = false;
        }
        self
    }

    /// Whether it may be dropped where the client can not take it at once.
    #[must_use]
    pub fn is_volatile(&self) -> bool {
        self.0.volatile
    }

    /// Whether a poll's answer may be compressed for its sake.
    #[must_use]
    pub fn wants_compression(&self) -> bool {
        self.0.compress
    }

    /// The packet with its Engine.IO type digit; nothing where there is only something binary.
    #[must_use]
    pub fn text(&self, revision: Revision) -> &str {
        // Made of a `String` in `new` and immutable since.
        core::str::from_utf8(self.text_bytes(revision)).unwrap_or_default()
    }

    fn text_bytes(&self, revision: Revision) -> &Bytes {
        match (revision, &self.0.text_v3) {
            (Revision::V3, Some(text)) => text,
            _ => &self.0.text,
        }
    }

    /// The length of EIO=3's text in UTF-16 code units, JavaScript's `length`.
    pub(crate) fn utf16_len(&self) -> usize {
        self.0.utf16_len
    }

    /// The attachments, each with EIO=3's type byte `0x04` before it.
    pub(crate) fn attachments(&self) -> &[Bytes] {
        &self.0.attachments
    }

    /// How many bytes a queue counts for it: text and attachments, without transport overhead.
    #[must_use]
    pub fn cost(&self) -> usize {
        self.0.cost
    }

    /// Bytes that it holds: [`Frame::cost`], and EIO=3's text where that is another one.
    pub(crate) fn held(&self) -> usize {
        self.0.cost + self.0.text_v3.as_ref().map_or(0, Bytes::len)
    }

    /// The WebSocket messages it consists of: the text if there is any, then each attachment. Nothing is copied.
    pub fn messages(&self, revision: Revision) -> impl Iterator<Item = WsMessage> + '_ {
        let skip = match revision {
            Revision::V3 => 0,
            Revision::V4 => 1,
        };
        let text = Some(self.text_bytes(revision)).filter(|text| !text.is_empty());
        text.map(|text| WsMessage::Text(text.clone()))
            .into_iter()
            .chain(self.0.attachments.iter().map(move |a| WsMessage::Binary(a.slice(skip..))))
    }
}
