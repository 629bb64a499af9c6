//! The way out of one WebSocket. Whoever has something for its client sends it from where it is, and wakes nobody: into the
//! socket, if that takes it; what it does not take waits here, in order, until the WebSocket's task has seen it off.
//! tungstenite's own frames (pongs, the close) take the same way, so that frames never interleave. Knows bytes, and how core's
//! messages become them; not who sends what.

use crate::front::Stream;
use async_tungstenite::tungstenite::protocol::frame::FrameHeader;
use async_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use futures_lite::AsyncWrite;
use sanket::WsMessage;
use std::io;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::task::{Context, Poll, ready};

/// Locked while bytes are sent, which a socket that does not block makes short. A shard may be locked meanwhile, nothing else.
#[derive(Debug, Default)]
pub(crate) struct Outlet(Mutex<Outbox>);

/// What an [`Outlet`] holds.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// The connection speaks WebSocket by now: the answer that said so is out.
    open: bool,
    /// The socket, if it is known: behind another's listener it is not, and everything waits for the task.
    socket: Option<Stream>,
    /// What is sent now is the last, and the connection ends at once.
    ends: bool,
    waiting: Vec<u8>,
    /// So many of the bytes that wait have been sent.
    sent: usize,
}

impl Outlet {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Outbox> {
        // Nothing in here panics.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing while somebody else is sending.
    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, Outbox>> {
        match self.0.try_lock() {
            Ok(outbox) => Some(outbox),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

impl Outbox {
    pub(crate) fn open(&mut self, socket: Option<Stream>) {
        (self.open, self.socket) = (true, socket);
    }

    /// The connection's end follows at once on what is sent from now on.
    pub(crate) fn end(&mut self) {
        self.ends = true;
    }

    /// Whether what is sent now would not have to wait behind something else.
    pub(crate) fn is_clear(&self) -> bool {
        self.open && self.waiting.is_empty()
    }

    /// Sends what the socket takes; the rest waits.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        if let (true, Some(socket)) = (self.waiting.is_empty(), &self.socket) {
            while !rest.is_empty() {
                match if self.ends { socket.send_last(rest) } else { socket.send(rest) } {
                    Ok(n) => rest = &rest[n..],
                    // If it is broken, the task will find that out.
                    Err(_) => break,
                }
            }
        }
        self.waiting.extend_from_slice(rest);
    }

    /// Writes what waits, to the same socket in its other shape: the one that wakes a task when it takes more.
    pub(crate) fn poll_drain(
        &mut self,
        mut io: Pin<&mut impl AsyncWrite>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.sent < self.waiting.len() {
            match ready!(io.as_mut().poll_write(cx, &self.waiting[self.sent..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => self.sent += n,
            }
        }
        (self.waiting, self.sent) = (Vec::new(), 0);
        Poll::Ready(Ok(()))
    }
}

/// Appends messages as unmasked frames.
pub(crate) fn frame(messages: impl IntoIterator<Item = WsMessage>, into: &mut Vec<u8>) {
    for message in messages {
        let (data, payload) = match message {
            WsMessage::Text(bytes) => (Data::Text, bytes),
            WsMessage::Binary(bytes) => (Data::Binary, bytes),
        };
        let header = FrameHeader { opcode: OpCode::Data(data), ..FrameHeader::default() };
        // Writing to a `Vec` does not fail.
        let _ = header.format(payload.len() as u64, into);
        into.extend_from_slice(&payload);
    }
}
