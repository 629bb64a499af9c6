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
    /// What EIO=3 clients get instead, where that is something else.
    v3: Option<Frame>,
    /// The length of the text as JavaScript counts it, for EIO=3's payloads.
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
        let attachments: Box<[Bytes]> = attachments
            .iter()
            .map(|data| {
                let mut bytes = BytesMut::with_capacity(1 + data.len());
                bytes.put_u8(MESSAGE);
                bytes.put_slice(data);
                bytes.freeze()
            })
            .collect();
        Self::encoded(text, attachments)
    }

    /// A frame of nothing but a binary message.
    #[must_use]
    pub fn binary(data: Bytes) -> Self {
        Self::new(String::new(), &[data])
    }

    fn encoded(text: String, attachments: Box<[Bytes]>) -> Self {
        let utf16_len = if text.is_ascii() { text.len() } else { text.encode_utf16().count() };
        let cost = text.len() + attachments.iter().map(Bytes::len).sum::<usize>();
        let text = text.into();
        Self(Arc::new(Encoded { text, v3: None, utf16_len, attachments, cost, volatile: false, compress: true }))
    }

    /// The same, with another text for EIO=3 clients. Must be called before the frame is shared.
    #[must_use]
    pub(crate) fn with_v3_text(self, text: String) -> Self {
        let v3 = Self::encoded(text, self.0.attachments.clone());
        self.with_v3(v3)
    }

    /// The same, with another frame for EIO=3 clients. Must be called before the frame is shared.
    #[must_use]
    pub(crate) fn with_v3(mut self, v3: Self) -> Self {
        if let Some(encoded) = Arc::get_mut(&mut self.0) {
            encoded.v3 = Some(v3);
        }
        self
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
        &self.of(revision).text
    }

    /// What clients of a revision get.
    fn of(&self, revision: Revision) -> &Encoded {
        match (revision, &self.0.v3) {
            (Revision::V3, Some(v3)) => &v3.0,
            _ => &self.0,
        }
    }

    /// The length of EIO=3's text in UTF-16 code units, JavaScript's `length`.
    pub(crate) fn utf16_len(&self) -> usize {
        self.of(Revision::V3).utf16_len
    }

    /// The attachments, each with EIO=3's type byte `0x04` before it.
    pub(crate) fn attachments(&self, revision: Revision) -> &[Bytes] {
        &self.of(revision).attachments
    }

    /// How many bytes a queue counts for it: text and attachments, without transport overhead.
    #[must_use]
    pub fn cost(&self) -> usize {
        self.0.cost
    }

    /// About how many bytes it holds in memory.
    pub(crate) fn held(&self) -> usize {
        /// What the counters of something shared take.
        const SHARED: usize = 24;
        /// What a text leaves of the room that was made for it.
        const SLACK: usize = 48;
        let Encoded { text, v3, attachments, .. } = &*self.0;
        let text = if text.is_empty() { 0 } else { SLACK + SHARED + text.len() };
        let attached: usize = attachments.iter().map(|data| size_of::<Bytes>() + SHARED + data.len()).sum();
        let v3 = v3.as_ref().map_or(0, |v3| match (v3.0.text.is_empty(), v3.held()) {
            (true, held) => held,
            // Its attachments are the same.
            (false, held) => held - v3.0.attachments.iter().map(Bytes::len).sum::<usize>(),
        });
        SHARED + size_of::<Encoded>() + text + attached + v3
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
            .chain(self.attachments(revision).iter().map(move |a| WsMessage::Binary(a.slice(skip..))))
    }
}
