//! A response whose body follows its head in pieces.
use super::response::{Content, Response, Shape};
use sanket::Time;
use std::io::Write;

/// How far such a response is.
#[derive(Debug)]
pub(super) struct Reply {
    content: Content,
    /// The body is not sent, because the method was HEAD.
    silent: bool,
    pub(super) close: bool,
    /// The writer has been told that there is no room.
    pub(super) blocked: bool,
}

impl Reply {
    /// Appends the head.
    pub(super) fn begin(response: &Response, length: Option<u64>, shape: Shape, now: Time, out: &mut Vec<u8>) -> Self {
        let content = response.content(length, shape);
        let kept = response.encode_head(shape, content, now, out);
        Self { content, silent: shape.head_only, close: !kept, blocked: false }
    }

    /// Appends a piece of the body. Bytes beyond the announced length are dropped and logged.
    pub(super) fn push(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) {
        if bytes.is_empty() || self.silent {
            return;
        }
        match &mut self.content {
            Content::None => {}
            Content::Length(left) => {
                let room = usize::try_from(*left).unwrap_or(usize::MAX);
                if bytes.len() > room {
                    log::error!("a response body is longer than its announced length");
                    bytes = &bytes[..room];
                }
                *left -= bytes.len() as u64;
                out.extend_from_slice(bytes);
            }
            Content::Chunked => {
                // Writing to a `Vec` does not fail.
                let _ = write!(out, "{:x}\r\n", bytes.len());
                out.extend_from_slice(bytes);
                out.extend_from_slice(b"\r\n");
            }
            Content::UntilClose => out.extend_from_slice(bytes),
        }
    }

    /// Ends the body. Returns whether it is complete.
    pub(super) fn end(&self, out: &mut Vec<u8>) -> bool {
        match self.content {
            _ if self.silent => true,
            Content::Length(left) => left == 0,
            Content::Chunked => {
                out.extend_from_slice(b"0\r\n\r\n");
                true
            }
            Content::None | Content::UntilClose => true,
        }
    }
}
