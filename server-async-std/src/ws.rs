//! One WebSocket: reads messages and hands them on, decoded; writes what the core has queued, all of it in one flush.
//! Decides nothing: when to close is the core's word.

use crate::shared::{Line, Shared};
use async_std::task::sleep;
use async_tungstenite::WebSocketStream;
use async_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use async_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use async_tungstenite::tungstenite::{Error, Message};
use futures_lite::{AsyncReadExt as _, FutureExt as _, Stream as _};
use futures_util::Sink as _;
use sanket::{Input, Key, RawMessage, RequestId, Revision, WsEnd, WsMessage, decode_message};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;
use tide::http::upgrade::Connection;

/// Bytes of a connection's read buffer. tungstenite's own default is 128 KiB, allocated and zeroed for each connection.
const READ_BUFFER: usize = 4 << 10;
/// Bytes taken from the core and written at a time.
const WRITE_BATCH: usize = 64 << 10;
/// Messages read before they are handed on, in one call into the core.
const READ_BATCH: usize = 64;
/// How long a peer may take to see a connection's end through: as Node's `destroyUpgradeTimeout`.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// Bytes that are read and thrown away meanwhile, so that the peer sees the close frame and not a reset.
const CLOSE_DRAIN: usize = 64 << 10;

/// A WebSocket and whose it is.
pub(crate) struct Socket {
    pub(crate) shared: Arc<Shared>,
    pub(crate) key: Key,
    pub(crate) id: RequestId,
    pub(crate) revision: Revision,
    pub(crate) line: Arc<Line>,
}

/// Why a WebSocket's loop ended.
enum End {
    /// The core wants it closed.
    Told,
    /// The peer closed it.
    Closed,
    /// It broke, or the peer broke the protocol; the code says how.
    Failed(Option<CloseCode>),
}

impl Socket {
    pub(crate) async fn run(self, connection: Connection) {
        let limit = Some(self.shared.config.max_payload);
        let mut config = WebSocketConfig::default().read_buffer_size(READ_BUFFER).write_buffer_size(WRITE_BATCH);
        config.max_message_size = limit;
        config.max_frame_size = limit;
        let mut ws = WebSocketStream::from_raw_socket(connection, Role::Server, Some(config)).await;
        let end = self.exchange(&mut ws).await;
        let code = match end {
            End::Told => None,
            End::Closed => {
                self.tell(WsEnd::Closed);
                None
            }
            End::Failed(code) => {
                self.tell(WsEnd::Failed);
                code
            }
        };
        let farewell = async {
            if matches!(end, End::Closed) {
                // tungstenite has put its answer to the peer's close frame into the buffer.
                let _ = poll_fn(|cx| Pin::new(&mut ws).poll_flush(cx)).await;
                return;
            }
            let frame = code.map(|code| CloseFrame { code, reason: "".into() });
            if ws.close(frame).await.is_ok() {
                drain(&mut ws, matches!(end, End::Told)).await;
            }
        };
        farewell.or(sleep(CLOSE_TIMEOUT)).await;
    }

    async fn exchange(&self, ws: &mut WebSocketStream<Connection>) -> End {
        let mut received = Vec::new();
        let mut to_write = Vec::new();
        let mut writing = false;
        loop {
            let end = poll_fn(|cx| self.poll(cx, ws, &mut to_write, &mut writing, &mut received)).await;
            if !received.is_empty() {
                self.hand_on(&received).await;
                received.clear();
            }
            if let Some(end) = end {
                return end;
            }
        }
    }

    /// Writes what there is to write, then reads. Ready when messages have been received or there is an end.
    fn poll(
        &self,
        cx: &mut Context<'_>,
        ws: &mut WebSocketStream<Connection>,
        to_write: &mut Vec<WsMessage>,
        writing: &mut bool,
        received: &mut Vec<Message>,
    ) -> Poll<Option<End>> {
        // Registers for the next ring; what has been rung for so far is in the flags.
        while self.line.signal.poll(cx).is_ready() {}
        loop {
            if *writing {
                match Pin::new(&mut *ws).poll_flush(cx) {
                    Poll::Ready(Ok(())) => *writing = false,
                    Poll::Ready(Err(error)) => return Poll::Ready(Some(End::of(&error))),
                    Poll::Pending => break,
                }
            }
            // Before asking whether to close: what is queued goes out before the end.
            if self.line.ready.swap(false, Ordering::AcqRel) {
                self.fetch(to_write);
            }
            if to_write.is_empty() {
                break;
            }
            for message in to_write.drain(..) {
                if let Err(error) = Pin::new(&mut *ws).start_send(message_of(message)) {
                    return Poll::Ready(Some(End::of(&error)));
                }
            }
            *writing = true;
        }
        if self.line.close.load(Ordering::Acquire) {
            return Poll::Ready(Some(End::Told));
        }
        while received.len() < READ_BATCH {
            match Pin::new(&mut *ws).poll_next(cx) {
                Poll::Pending => break,
                Poll::Ready(Some(Ok(message))) => match message {
                    Message::Text(_) | Message::Binary(_) => received.push(message),
                    Message::Close(_) => return Poll::Ready(Some(End::Closed)),
                    // tungstenite answers pings; raw frames are never read.
                    Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
                },
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(End::of(&error))),
                Poll::Ready(None) => return Poll::Ready(Some(End::Closed)),
            }
        }
        if received.is_empty() { Poll::Pending } else { Poll::Ready(None) }
    }

    /// Fetches a batch. If it was not everything, the rest is fetched once this has been written.
    fn fetch(&self, into: &mut Vec<WsMessage>) {
        let cell = self.shared.cell(self.key);
        let more = self.shared.with(cell, |shard, now| shard.transmit(self.key, self.id, WRITE_BATCH, into, now));
        if more {
            self.line.ready.store(true, Ordering::Release);
        }
    }

    /// Decodes, waits for the hub if it is far behind, and hands everything on under one lock.
    async fn hand_on(&self, received: &[Message]) {
        let decoded: Vec<_> = received
            .iter()
            .map(|message| match message {
                Message::Binary(bytes) => RawMessage::Binary(bytes),
                message => RawMessage::Text(message.to_text().unwrap_or_default()),
            })
            .map(|message| decode_message(self.revision, message, &self.shared.config))
            .collect();
        let cell = self.shared.cell(self.key);
        self.shared.admit(cell).await;
        self.shared.with(cell, |shard, now| {
            for packet in decoded {
                shard.handle(self.key, Input::WsMessage(self.id, packet), now);
            }
        });
    }

    fn tell(&self, end: WsEnd) {
        let cell = self.shared.cell(self.key);
        self.shared.forget(cell, self.id, |shard, now| shard.handle(self.key, Input::WsEnd(self.id, end), now));
    }
}

impl Drop for Socket {
    /// However the task ends: the session must not wait for it. Where it has been told already, this means nothing.
    fn drop(&mut self) {
        self.tell(WsEnd::Failed);
    }
}

impl End {
    fn of(error: &Error) -> Self {
        match error {
            Error::ConnectionClosed | Error::AlreadyClosed => Self::Closed,
            Error::Capacity(_) => Self::Failed(Some(CloseCode::Size)),
            Error::Utf8(_) => Self::Failed(Some(CloseCode::Invalid)),
            Error::Protocol(_) | Error::AttackAttempt => Self::Failed(Some(CloseCode::Protocol)),
            _ => Self::Failed(None),
        }
    }
}

fn message_of(message: WsMessage) -> Message {
    match message {
        // Made of a `String` by the core; the check costs less than the write.
        WsMessage::Text(bytes) => Message::Text(bytes.try_into().unwrap_or_default()),
        WsMessage::Binary(bytes) => Message::Binary(bytes),
    }
}

/// Reads on until the peer has closed too.
async fn drain(ws: &mut WebSocketStream<Connection>, in_order: bool) {
    if in_order {
        // The peer's messages that cross our close frame mean nothing any more.
        while let Some(Ok(_)) = poll_fn(|cx| Pin::new(&mut *ws).poll_next(cx)).await {}
        return;
    }
    // After a violation there are no frames to be read, only bytes.
    let mut left = CLOSE_DRAIN;
    let mut buffer = [0; 1024];
    while left > 0 {
        match ws.get_mut().read(&mut buffer).await {
            Ok(n) if n > 0 => left = left.saturating_sub(n),
            _ => return,
        }
    }
}
