//! An outgoing packet, encoded once and shared by everyone who gets it. It is bytes and the views of them that the
//! transports need; what the bytes mean is known to those who make it (`socket::packet`, `engine::session`).
//!
//! | recipient | text | attachment |
//! |---|---|---|
//! | WebSocket, EIO=4 | shared | shared |
//! | WebSocket, EIO=3 | shared | shared: `0x04` + bytes; or copied, where the frame was made for EIO=4 alone |
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
    attachments: Box<[Bytes]>,
    /// Whether each attachment has `0x04` before it, as EIO=3 wants it; EIO=4 looks past that byte.
    typed: bool,
    /// What a queue counts for it, in bytes.
    cost: usize,
    volatile: bool,
    compress: bool,
}

/// The type digit of a `message` packet in EIO=3's binary form.
pub(crate) const MESSAGE: u8 = 0x04;

impl Frame {
    /// A frame of `text`, an Engine.IO packet with its type digit, and the attachments that belong to it. They are shared,
    /// not copied.
    #[must_use]
    pub fn new(text: String, attachments: &[Bytes]) -> Self {
        let utf16_len = if text.is_ascii() { text.len() } else { text.encode_utf16().count() };
        let attached = attachments.iter().map(|data| 1 + data.len()).sum::<usize>();
        Self(Arc::new(Encoded {
            cost: text.len() + attached,
            text: text.into(),
            v3: None,
            utf16_len,
            attachments: attachments.into(),
            typed: false,
            volatile: false,
            compress: true,
        }))
    }

    /// A frame of nothing but a binary message.
    #[must_use]
    pub fn binary(data: Bytes) -> Self {
        Self::new(String::new(), &[data])
    }

    /// The same with attachments of its own: as EIO=3 clients get them, and as what is kept should have them, since what the
    /// application gave may be a small part of something large. Must be called before the frame is shared.
    #[must_use]
    pub(crate) fn with_copies(mut self) -> Self {
        if let Some(encoded) = Arc::get_mut(&mut self.0)
            && !encoded.typed
        {
            encoded.typed = true;
            encoded.attachments.iter_mut().for_each(|data| *data = typed(data));
        }
        self
    }

    /// The same, with another text for EIO=3 clients. Must be called before the frame is shared.
    #[must_use]
    pub(crate) fn with_v3_text(self, text: String) -> Self {
        let mut v3 = Self::new(text, &self.0.attachments);
        if let Some(encoded) = Arc::get_mut(&mut v3.0) {
            encoded.typed = self.0.typed;
        }
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
        core::str::from_utf8(&self.of(revision).text).unwrap_or_default()
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

    /// The bytes of the attachments.
    pub(crate) fn attachments(&self, revision: Revision) -> impl Iterator<Item = &[u8]> {
        let Encoded { attachments, typed, .. } = self.of(revision);
        attachments.iter().map(|data| data.get(usize::from(*typed)..).unwrap_or_default())
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
        let Encoded { text, v3, attachments, .. } = &*self.0;
        let text = if text.is_empty() { 0 } else { SHARED + text.len() };
        let attached: usize = attachments.iter().map(|data| size_of::<Bytes>() + SHARED + data.len()).sum();
        let v3 = v3.as_ref().map_or(0, |v3| match (v3.0.text.is_empty(), v3.held()) {
            (true, held) => held,
            // Its attachments are the same.
            (false, held) => held - v3.0.attachments.iter().map(Bytes::len).sum::<usize>(),
        });
        SHARED + size_of::<Encoded>() + text + attached + v3
    }

    /// The WebSocket messages it consists of: the text if there is any, then each attachment.
    pub fn messages(&self, revision: Revision) -> impl Iterator<Item = WsMessage> + '_ {
        let Encoded { text, attachments, typed: is_typed, .. } = self.of(revision);
        let text = Some(text).filter(|text| !text.is_empty()).map(|text| WsMessage::Text(text.clone()));
        text.into_iter().chain(attachments.iter().map(move |data| {
            WsMessage::Binary(match (revision, is_typed) {
                (Revision::V4, false) | (Revision::V3, true) => data.clone(),
                (Revision::V4, true) => data.slice(1..),
                (Revision::V3, false) => typed(data),
            })
        }))
    }
}

/// An attachment as EIO=3 has it.
fn typed(data: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(1 + data.len());
    bytes.put_u8(MESSAGE);
    bytes.put_slice(data);
    bytes.freeze()
}
