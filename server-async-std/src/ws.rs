//! One WebSocket's task: reads messages and hands them on, decoded, and sees to what its socket did not take at once. Decides
//! nothing: when to close is the core's word.

use crate::front::Stream;
use crate::shared::{Line, Shared};
use crate::wire::Wire;
use crate::workers::sleep;
use async_std::task::yield_now;
use async_tungstenite::WebSocketStream;
use async_tungstenite::tungstenite::error::ProtocolError;
use async_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use async_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use async_tungstenite::tungstenite::{Error, Message};
use event_listener::EventListener;
use futures_lite::{AsyncReadExt as _, FutureExt as _, Stream as _};
use futures_util::Sink as _;
use sanket::{Input, RawMessage, Revision, WsEnd, decode_message};
use smallvec::SmallVec;
use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tide::http::upgrade::Connection;

/// Bytes of a connection's read buffer. tungstenite's own default is 128 KiB, allocated and zeroed for each connection.
const READ_BUFFER: usize = 1 << 10;
/// Messages, and bytes of messages, that are read before they are handed on in one call into the core.
const READ_BATCH: usize = 64;
const READ_BATCH_BYTES: usize = 64 << 10;
/// Messages that are handed on without a list being allocated for them.
const FEW: usize = 16;
/// Bytes of a ping without data, as a client sends it.
const PING_HEAD: usize = 6;
/// Bytes of pings whose pongs may wait to be written; until then no more is read.
const PINGS: usize = 16 << 10;
/// How long a peer may take to see a connection's end through: as Node's `destroyUpgradeTimeout`.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// Bytes that are read and thrown away meanwhile, so that the peer sees the close frame and not a reset.
const CLOSE_DRAIN: usize = 64 << 10;

type Ws = WebSocketStream<Wire<Connection>>;

/// A WebSocket and whose it is.
pub(crate) struct Socket {
    shared: Arc<Shared>,
    revision: Revision,
    line: Arc<Line>,
    stream: Option<Stream>,
    /// The core has been told how it has ended.
    told: AtomicBool,
}

/// What the task has in its hands.
#[derive(Default)]
struct Hands {
    received: Vec<Message>,
    received_bytes: usize,
    /// Bytes of pings since everything was flushed: tungstenite has as many bytes of pongs in its buffer.
    pinged: usize,
    /// The hub is far behind, and what was received waits for it.
    hub: Option<EventListener>,
}

/// How reading ended.
enum Read {
    /// There is no more; the task is woken when there is.
    All,
    /// There may be more, after this has been dealt with.
    Enough,
    End(End),
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
    /// The WebSocket that a request is to become; the server counts it from now on. `stream` is its socket, if that is known.
    pub(crate) fn new(shared: Arc<Shared>, revision: Revision, line: Arc<Line>, stream: Option<Stream>) -> Self {
        shared.living_sockets.fetch_add(1, Ordering::AcqRel);
        Self { shared, revision, line, stream, told: AtomicBool::new(false) }
    }

    /// Speaks on `connection`, beginning with what is to be said `first` on it: the answer to the handshake, unless that is out.
    pub(crate) async fn run(mut self, connection: Connection, first: Vec<u8>) {
        let limit = Some(self.shared.config.max_payload);
        let mut config = WebSocketConfig::default().read_buffer_size(READ_BUFFER).write_buffer_size(0);
        config.max_message_size = limit;
        config.max_frame_size = limit;
        let wire = Wire::new(connection, self.line.clone());
        let mut ws = WebSocketStream::from_raw_socket(wire, Role::Server, Some(config)).await;
        self.shared.open_now(&self.line, self.stream.take(), &first);
        drop(first);
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
                self.line.outlet.lock().end();
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

    async fn exchange(&self, ws: &mut Ws) -> End {
        let mut hands = Hands::default();
        let end = poll_fn(|cx| self.poll(cx, ws, &mut hands)).await;
        self.hand_on(&mut hands);
        end
    }

    /// Sees off what waits to be sent, reads, and hands on, again and again. When nothing can be done any more, others get their
    /// turn.
    fn poll(&self, cx: &mut Context<'_>, ws: &mut Ws, hands: &mut Hands) -> Poll<End> {
        loop {
            // Registers for the next ring; what has been rung for so far is in the flags.
            while self.line.signal.poll(cx).is_ready() {}
            match self.drain(cx, ws, hands) {
                Poll::Ready(Ok(())) if self.line.close.load(Ordering::Acquire) => return Poll::Ready(End::Told),
                Poll::Ready(Ok(())) | Poll::Pending => {}
                Poll::Ready(Err(error)) => return Poll::Ready(End::of(&error)),
            }
            let read = if hands.received.is_empty() { Self::read(cx, ws, hands) } else { Read::Enough };
            if let Read::End(end) = read {
                return Poll::Ready(end);
            }
            if hands.received.is_empty() || !self.hub_takes_more(cx, hands) {
                break;
            }
            self.hand_on(hands);
            if matches!(read, Read::All) {
                break;
            }
            if ws.get_ref().is_over() {
                cx.waker().wake_by_ref();
                break;
            }
        }
        ws.get_mut().begin();
        Poll::Pending
    }

    /// Until nothing waits any more that the socket did not take.
    fn drain(&self, cx: &mut Context<'_>, ws: &mut Ws, hands: &mut Hands) -> Poll<Result<(), Error>> {
        loop {
            if hands.pinged >= PINGS || !self.line.outlet.lock().is_clear() {
                ready!(Pin::new(&mut *ws).poll_flush(cx))?;
                hands.pinged = 0;
            }
            if !self.line.ready.load(Ordering::Acquire) {
                return Poll::Ready(Ok(()));
            }
            self.shared.send_now(&self.line);
        }
    }

    fn read(cx: &mut Context<'_>, ws: &mut Ws, hands: &mut Hands) -> Read {
        while hands.received.len() < READ_BATCH && hands.received_bytes < READ_BATCH_BYTES && hands.pinged < PINGS {
            match Pin::new(&mut *ws).poll_next(cx) {
                Poll::Pending => return Read::All,
                Poll::Ready(Some(Ok(message))) => match message {
                    Message::Text(_) | Message::Binary(_) => {
                        hands.received_bytes += message.len();
                        hands.received.push(message);
                    }
                    Message::Close(_) => return Read::End(End::Closed),
                    // tungstenite answers it, into a buffer that has no bound of its own.
                    Message::Ping(data) => {
                        hands.pinged += PING_HEAD + data.len();
                        if hands.pinged >= PINGS {
                            // To be flushed first; if the peer takes nothing, its session will fall silent.
                            cx.waker().wake_by_ref();
                        }
                    }
                    // Raw frames are never read.
                    Message::Pong(_) | Message::Frame(_) => {}
                },
                Poll::Ready(Some(Err(error))) => return Read::End(End::of(&error)),
                Poll::Ready(None) => return Read::End(End::Closed),
            }
        }
        Read::Enough
    }

    /// Whether the hub has room; if not, the task is woken when it has. Writing goes on meanwhile.
    fn hub_takes_more(&self, cx: &mut Context<'_>, hands: &mut Hands) -> bool {
        let cell = self.shared.cell(self.line.key);
        loop {
            if let Some(caught_up) = &mut hands.hub {
                if Pin::new(caught_up).poll(cx).is_pending() {
                    return false;
                }
                hands.hub = None;
            }
            if !self.shared.is_backlogged(cell) {
                return true;
            }
            let caught_up = cell.caught_up.listen();
            // It may have caught up between the look and the listening.
            if !self.shared.is_backlogged(cell) {
                return true;
            }
            hands.hub = Some(caught_up);
        }
    }

    /// Hands on all that was received, decoded, under one lock.
    fn hand_on(&self, hands: &mut Hands) {
        self.tell_of(&hands.received);
        hands.received.clear();
        hands.received_bytes = 0;
    }

    fn tell_of(&self, messages: &[Message]) {
        if messages.is_empty() {
            return;
        }
        let messages = messages.iter().map(|message| match message {
            Message::Binary(bytes) => RawMessage::Binary(bytes),
            message => RawMessage::Text(message.to_text().unwrap_or_default()),
        });
        let mut decoded: SmallVec<[_; FEW]> =
            messages.map(|message| decode_message(self.revision, message, &self.shared.config)).collect();
        self.shared.with_in_turn(self.shared.cell(self.line.key), |shard, now| {
            for packet in decoded.drain(..) {
                shard.handle(self.line.key, Input::WsMessage(self.line.id, packet), now);
            }
        });
    }

    /// The first end counts.
    fn tell(&self, end: WsEnd) {
        if self.told.swap(true, Ordering::AcqRel) {
            return;
        }
        let (key, id) = (self.line.key, self.line.id);
        let cell = self.shared.cell(key);
        self.shared.forget_in_turn(cell, id, |shard, now| shard.handle(key, Input::WsEnd(id, end), now));
    }
}

impl Drop for Socket {
    /// However the task ends: the session must not wait for it.
    fn drop(&mut self) {
        self.tell(WsEnd::Failed);
        self.shared.living_sockets.fetch_sub(1, Ordering::AcqRel);
    }
}

impl End {
    fn of(error: &Error) -> Self {
        match error {
            // A connection that breaks off has closed, with less ceremony.
            Error::ConnectionClosed
            | Error::AlreadyClosed
            | Error::Io(_)
            | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Self::Closed,
            Error::Capacity(_) => Self::Failed(Some(CloseCode::Size)),
            Error::Utf8(_) => Self::Failed(Some(CloseCode::Invalid)),
            Error::Protocol(_) | Error::AttackAttempt => Self::Failed(Some(CloseCode::Protocol)),
            _ => Self::Failed(None),
        }
    }
}

/// Reads on until the peer has closed too.
async fn drain(ws: &mut Ws, in_order: bool) {
    if in_order {
        // The peer's messages that cross our close frame mean nothing any more.
        loop {
            ws.get_mut().begin();
            match poll_fn(|cx| Pin::new(&mut *ws).poll_next(cx)).await {
                Some(Ok(_)) => yield_now().await,
                _ => return,
            }
        }
    }
    // After a violation there are no frames to be read, only bytes.
    let mut left = CLOSE_DRAIN;
    let mut buffer = [0; 1024];
    while left > 0 {
        ws.get_mut().begin();
        match ws.get_mut().read(&mut buffer).await {
            Ok(n) if n > 0 => left = left.saturating_sub(n),
            _ => return,
        }
    }
}
