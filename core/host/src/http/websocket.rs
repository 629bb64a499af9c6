//! WebSocket on a connection (RFC 6455): frames are read out of the received bytes and written into the output.
use super::event::Message;
use super::output::Output;
use super::received::Received;
use sanket::driver::WsMessage;
use std::io::{self, Read, Write};
use tungstenite::error::{Error, ProtocolError};
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tungstenite::protocol::{CloseFrame, Role, WebSocketConfig, WebSocketContext};

/// Bytes of a WebSocket's read buffer. tungstenite's own default is 128 KiB, allocated and zeroed for each connection.
const READ_BUFFER: usize = 1 << 10;
/// Bytes of pongs that may wait to be written; until they are, nothing is read.
const MAX_PONGS: usize = 16 << 10;
/// Received bytes that may wait to be looked at.
const MAX_RECEIVED: usize = 64 << 10;

/// One WebSocket, in the role of the server.
#[derive(Debug)]
pub(super) struct WebSocket {
    context: WebSocketContext,
    /// The closing handshake was begun here.
    closing: bool,
    /// Bytes of pongs since everything was written.
    pongs: usize,
}

/// What [`WebSocket::read`] came to.
#[derive(Debug)]
pub(super) enum Outcome {
    Message(Message),
    /// There is no more for now.
    More,
    /// The closing handshake is complete, but for what is in the output.
    Closed,
    /// The connection ended without one.
    Vanished,
    /// The peer has broken the protocol. It is told so in the output.
    Failed,
}

impl WebSocket {
    /// Messages and frames of more than `max_message` bytes are violations.
    pub(super) fn new(max_message: usize) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_message_size(Some(max_message))
            .max_frame_size(Some(max_message));
        Self { context: WebSocketContext::new(Role::Server, Some(config)), closing: false, pongs: 0 }
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing
    }

    pub(super) fn wants_read(&self, received: &Received) -> bool {
        self.pongs < MAX_PONGS && received.len() < MAX_RECEIVED
    }

    /// Everything in the output was written.
    pub(super) fn written(&mut self) {
        self.pongs = 0;
    }

    /// The next message, or what came instead. Messages that come after `close` are dropped. `ended`: nothing will be
    /// received any more.
    pub(super) fn read(&mut self, received: &mut Received, ended: bool, output: &mut Output) -> Outcome {
        loop {
            // If the peer has gone there is nothing to wait for, and what is left to be read has a bound.
            if self.pongs >= MAX_PONGS && !ended {
                return Outcome::More;
            }
            let mut stream = Stream { received, ended, output, written: 0 };
            let read = self.context.read(&mut stream);
            self.pongs += stream.written;
            match read {
                Ok(tungstenite::Message::Text(text)) if !self.closing => return Outcome::Message(Message::Text(text)),
                Ok(tungstenite::Message::Binary(bytes)) if !self.closing => {
                    return Outcome::Message(Message::Binary(bytes));
                }
                Ok(tungstenite::Message::Close(_)) => {
                    // Writes the answer, unless it is the peer that has answered. The error only says that this is the end.
                    let _ = self.context.flush(&mut Stream { received, ended, output, written: 0 });
                    return Outcome::Closed;
                }
                // Raw frames are never read.
                Ok(
                    tungstenite::Message::Text(_)
                    | tungstenite::Message::Binary(_)
                    | tungstenite::Message::Ping(_)
                    | tungstenite::Message::Pong(_)
                    | tungstenite::Message::Frame(_),
                ) => {}
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return Outcome::More,
                Err(error) => return self.fail(&error, output),
            }
        }
    }

    fn fail(&mut self, error: &Error, output: &mut Output) -> Outcome {
        let code = match error {
            Error::ConnectionClosed
            | Error::AlreadyClosed
            | Error::Io(_)
            | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => return Outcome::Vanished,
            Error::Capacity(_) => CloseCode::Size,
            Error::Utf8(_) => CloseCode::Invalid,
            Error::Protocol(_) | Error::AttackAttempt => CloseCode::Protocol,
            Error::Tls(_) | Error::WriteBufferFull(_) | Error::Url(_) | Error::Http(_) | Error::HttpFormat(_) => {
                CloseCode::Error
            }
        };
        log::debug!("a WebSocket is closed: {error}");
        // After the server's own close frame there is no second one.
        self.write_close(Some(code), output);
        Outcome::Failed
    }

    /// Begins the closing handshake.
    pub(super) fn close(&mut self, output: &mut Output) {
        self.write_close(None, output);
        self.closing = true;
    }

    fn write_close(&mut self, code: Option<CloseCode>, output: &mut Output) {
        let frame = code.map(|code| CloseFrame { code, reason: "".into() });
        let mut stream = Stream { received: &mut Received::default(), ended: false, output, written: 0 };
        // It is written into memory. What could be wrong is that a close frame was sent before.
        if let Err(error) = self.context.close(&mut stream, frame) {
            log::debug!("no close frame: {error}");
        }
    }

    /// Appends messages as unmasked frames. After `close` they are dropped.
    pub(super) fn send(&mut self, messages: impl IntoIterator<Item = WsMessage>, output: &mut Output) {
        if self.closing {
            return;
        }
        let out = output.buffer();
        for message in messages {
            let (data, payload) = match message {
                WsMessage::Text(bytes) => (Data::Text, bytes),
                WsMessage::Binary(bytes) => (Data::Binary, bytes),
            };
            let header = FrameHeader { opcode: OpCode::Data(data), ..FrameHeader::default() };
            out.reserve(header.len(payload.len() as u64) + payload.len());
            // Writing to a `Vec` does not fail.
            let _ = header.format(payload.len() as u64, out);
            out.extend_from_slice(&payload);
        }
    }
}

/// The connection as tungstenite sees it.
struct Stream<'a> {
    received: &'a mut Received,
    ended: bool,
    output: &'a mut Output,
    written: usize,
}

impl Read for Stream<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.received.is_empty() && !self.ended {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let n = self.received.len().min(buf.len());
        buf[..n].copy_from_slice(&self.received.unread()[..n]);
        self.received.consume(n);
        Ok(n)
    }
}

impl Write for Stream<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.output.buffer().extend_from_slice(buf);
        self.written += buf.len();
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
