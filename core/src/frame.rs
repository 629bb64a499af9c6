//! An outgoing packet, encoded once and shared by all its recipients: its bytes, and views of them for each transport
//! and revision. What the bytes mean is the business of those who make frames (`socket::encode`, `engine::session`).
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
use alloc::vec::Vec;
use bytes::{BufMut, Bytes, BytesMut};

/// The revision of the Engine.IO protocol, from the query parameter `EIO`.
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

/// A WebSocket message, ready to be framed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WsMessage {
    /// A text message; the bytes are UTF-8.
    Text(Bytes),
    /// A binary message.
    Binary(Bytes),
}

/// An encoded Engine.IO `message` packet, or the `open` packet, with its attachments. Cloning shares the bytes.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The packet with its type digit. Empty if there is only a binary message.
    text: Bytes,
    /// Boxed, because most frames have none of it.
    more: Option<Arc<More>>,
    volatile: bool,
    compress: bool,
}

#[derive(Debug)]
struct More {
    attachments: Box<[Bytes]>,
    /// Whether the byte `0x04` stands before each attachment, as EIO=3 requires. EIO=4 skips it.
    typed: bool,
    /// The length of all attachments, each with a byte for its type.
    attached: usize,
    /// The frame for EIO=3 clients, if it is another one.
    v3: Option<Frame>,
}

/// The type byte of a `message` packet in EIO=3's binary form.
pub(crate) const MESSAGE: u8 = 0x04;

impl Frame {
    /// A frame of `text`, an Engine.IO packet with its type digit, and of its attachments, which are shared, not
    /// copied.
    #[must_use]
    pub fn new(text: String, attachments: &[Bytes]) -> Self {
        Self::encoded(text.into_bytes(), attachments)
    }

    /// As [`Frame::new`], from bytes that are UTF-8.
    pub(crate) fn encoded(text: Vec<u8>, attachments: &[Bytes]) -> Self {
        let more = (!attachments.is_empty()).then(|| Arc::new(More::new(attachments.into())));
        Self { text: text.into(), more, volatile: false, compress: true }
    }

    /// A frame of a binary message only.
    #[must_use]
    pub fn binary(data: Bytes) -> Self {
        Self::new(String::new(), &[data])
    }

    /// Copies the attachments, and puts the type byte of EIO=3 before each. A frame that is kept should have copies,
    /// because the application's bytes may be a small part of a large buffer. To be called before the frame is shared.
    #[must_use]
    pub(crate) fn with_copies(mut self) -> Self {
        if let Some(more) = self.more.as_mut().and_then(Arc::get_mut)
            && !more.typed
        {
            more.typed = true;
            more.attachments.iter_mut().for_each(|data| *data = typed(data));
        }
        self
    }

    /// Sets another text for EIO=3 clients. To be called before the frame is shared.
    #[must_use]
    pub(crate) fn with_v3_text(self, text: Vec<u8>) -> Self {
        let more = self.more.as_ref().map(|more| {
            let More { ref attachments, typed, attached, .. } = **more;
            Arc::new(More { attachments: attachments.clone(), typed, attached, v3: None })
        });
        let v3 = Self { text: text.into(), more, ..self };
        self.with_v3(v3)
    }

    /// Sets another frame for EIO=3 clients. To be called before the frame is shared.
    #[must_use]
    pub(crate) fn with_v3(mut self, v3: Self) -> Self {
        let more = self.more.get_or_insert_with(|| Arc::new(More::new(Box::default())));
        if let Some(more) = Arc::get_mut(more) {
            more.v3 = Some(v3);
        }
        self
    }

    /// Marks the frame as volatile: it is dropped if the client cannot take it at once.
    #[must_use]
    pub(crate) fn volatile(self) -> Self {
        Self { volatile: true, ..self }
    }

    /// Marks the frame as not worth compressing.
    #[must_use]
    pub(crate) fn uncompressed(self) -> Self {
        Self { compress: false, ..self }
    }

    /// Whether the frame is dropped if the client cannot take it at once.
    #[must_use]
    pub fn is_volatile(&self) -> bool {
        self.volatile
    }

    /// Whether the frame is worth compressing in the response to a poll.
    #[must_use]
    pub fn wants_compression(&self) -> bool {
        self.compress
    }

    /// The packet with its Engine.IO type digit. Empty if there is only a binary message.
    #[must_use]
    pub fn text(&self, revision: Revision) -> &str {
        // It was made from a string, and does not change.
        core::str::from_utf8(self.text_bytes(revision)).unwrap_or_default()
    }

    /// The packet as bytes, without a check for UTF-8.
    pub(crate) fn text_bytes(&self, revision: Revision) -> &[u8] {
        &self.of(revision).text
    }

    /// The frame that clients of this revision get.
    fn of(&self, revision: Revision) -> &Self {
        match (revision, &self.more) {
            (Revision::V3, Some(more)) => more.v3.as_ref().unwrap_or(self),
            _ => self,
        }
    }

    /// The attachments, without type bytes.
    pub(crate) fn attachments(&self, revision: Revision) -> impl ExactSizeIterator<Item = &[u8]> {
        let more = self.of(revision).more.as_deref();
        let skip = usize::from(more.is_some_and(|more| more.typed));
        let attachments = more.map_or(&[][..], |more| &more.attachments);
        attachments.iter().map(move |data| data.get(skip..).unwrap_or_default())
    }

    /// Whether it may have attachments.
    pub(crate) fn has_more(&self) -> bool {
        self.more.is_some()
    }

    /// How many Engine.IO packets it is: each attachment is one.
    pub(crate) fn packets(&self, revision: Revision) -> usize {
        usize::from(!self.of(revision).text.is_empty()) + self.attachments(revision).len()
    }

    /// The bytes that it counts for in a queue: text and attachments, without transport overhead.
    #[must_use]
    pub fn cost(&self) -> usize {
        self.text.len() + self.more.as_ref().map_or(0, |more| more.attached)
    }

    /// About how many bytes of memory it holds, besides its own size.
    pub(crate) fn held(&self) -> usize {
        /// The counters of a shared allocation.
        const SHARED: usize = 24;
        let text = if self.text.is_empty() { 0 } else { SHARED + self.text.len() };
        let more = self.more.as_ref().map_or(0, |more| {
            let More { attachments, v3, .. } = &**more;
            let attached: usize = attachments.iter().map(|data| size_of::<Bytes>() + SHARED + data.len()).sum();
            let v3 = v3.as_ref().map_or(0, |v3| match (v3.text.is_empty(), v3.held()) {
                (true, held) => held,
                // Its attachments are shared with this frame.
                (false, held) => {
                    held - v3.more.iter().flat_map(|more| &more.attachments).map(Bytes::len).sum::<usize>()
                }
            });
            SHARED + size_of::<More>() + attached + v3
        });
        text + more
    }

    /// The WebSocket messages of the frame: the text if there is any, then each attachment.
    pub fn messages(&self, revision: Revision) -> impl Iterator<Item = WsMessage> + '_ {
        let Self { text, more, .. } = self.of(revision);
        let text = Some(text).filter(|text| !text.is_empty()).map(|text| WsMessage::Text(text.clone()));
        text.into_iter().chain(more.iter().flat_map(move |more| more.messages(revision)))
    }

    /// Appends the WebSocket messages of the frame without cloning them.
    pub(crate) fn into_messages(self, revision: Revision, into: &mut Vec<WsMessage>) {
        if self.more.is_none() {
            into.push(WsMessage::Text(self.text));
        } else {
            into.extend(self.messages(revision));
        }
    }
}

impl More {
    fn new(attachments: Box<[Bytes]>) -> Self {
        let attached = attachments.iter().map(|data| 1 + data.len()).sum();
        Self { attachments, typed: false, attached, v3: None }
    }

    fn messages(&self, revision: Revision) -> impl Iterator<Item = WsMessage> + '_ {
        self.attachments.iter().map(move |data| {
            WsMessage::Binary(match (revision, self.typed) {
                (Revision::V4, false) | (Revision::V3, true) => data.clone(),
                (Revision::V4, true) => data.slice(1..),
                (Revision::V3, false) => typed(data),
            })
        })
    }
}

/// An attachment in EIO=3's form.
fn typed(data: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(1 + data.len());
    bytes.put_u8(MESSAGE);
    bytes.put_slice(data);
    bytes.freeze()
}
