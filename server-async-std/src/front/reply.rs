//! From a `Response` to bytes on the wire: head and body leave in one write if they are small, in bounded pieces if not.
//! Refuses to know requests, except for the three things that shape an answer ([`Asked`]).
//!
//! Not `async_h1::server::Encoder`: it answers HTTP/1.0 in chunks, puts `Content-Length` into 101 and 204, lets a header value
//! bring its own line breaks, and does not tell when a body ends before its announced length, after which the connection
//! cannot be kept.
use super::inbound::{Loss, lock};
use super::lines;
use super::link::Link;
use futures_lite::AsyncRead;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::Poll;
use tide::http::{Body, Response, StatusCode, headers};

/// What is read at once of a body of unknown length.
const PIECE: usize = 8 * 1024;

/// How a response must look for the request it answers.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Asked {
    /// The method was HEAD.
    pub(super) head_only: bool,
    pub(super) http10: bool,
    /// The connection ends after this response.
    pub(super) close: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    None,
    Length(usize),
    Chunked,
    /// HTTP/1.0 knows no chunks: the end of the connection is the end of the body.
    UntilClose,
}

impl Content {
    fn of(response: &Response, asked: Asked) -> Self {
        let status = response.status();
        let bodiless = matches!(status, StatusCode::NoContent | StatusCode::NotModified) || status.is_informational();
        match response.len() {
            _ if bodiless => Self::None,
            Some(length) => Self::Length(length),
            None if asked.http10 => Self::UntilClose,
            None => Self::Chunked,
        }
    }
}

/// Sends the response. Returns whether the connection can be kept.
pub(super) async fn send(link: &Link, mut response: Response, mut asked: Asked) -> io::Result<bool> {
    let content = Content::of(&response, asked);
    asked.close |= content == Content::UntilClose || closes(&response);
    let mut out = lock(&link.inbound).response_starts().to_vec();
    encode_head(&response, asked, content, &mut out);
    if content != Content::None && !asked.head_only {
        stream(link, response.take_body(), content, &mut out).await?;
    }
    link.write(&out).await?;
    Ok(!asked.close)
}

/// The head of a 101, behind which another protocol begins.
pub(super) fn switching(response: &Response) -> Vec<u8> {
    let mut out = Vec::new();
    encode_head(response, Asked::default(), Content::None, &mut out);
    out
}

fn closes(response: &Response) -> bool {
    connection_tokens(response).any(|token| token.eq_ignore_ascii_case("close"))
}

fn connection_tokens(response: &Response) -> impl Iterator<Item = &str> {
    let values = response.header(headers::CONNECTION).into_iter().flat_map(|values| values.iter());
    values.flat_map(|value| value.as_str().split(',')).map(str::trim).filter(|token| !token.is_empty())
}

fn encode_head(response: &Response, asked: Asked, content: Content, out: &mut Vec<u8>) {
    out.reserve(lines::ROOM);
    lines::status(out, response.status());
    for (name, values) in response {
        // What frames the message is said below, by the one who frames it.
        if [headers::CONNECTION, headers::CONTENT_LENGTH, headers::TRANSFER_ENCODING].contains(name) {
            continue;
        }
        for value in values {
            lines::field(out, name.as_str(), value.as_str());
        }
    }
    if response.header(headers::DATE).is_none() {
        lines::date(out);
    }
    match content {
        Content::Length(length) => lines::content_length(out, length),
        Content::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        Content::None | Content::UntilClose => {}
    }
    let ours = if asked.close { Some("close") } else { asked.http10.then_some("keep-alive") };
    let theirs = connection_tokens(response)
        .filter(|token| !["close", "keep-alive"].contains(&token.to_ascii_lowercase().as_str()));
    let tokens: Vec<_> = theirs.filter(|token| !token.contains(['\r', '\n', '\0'])).chain(ours).collect();
    if !tokens.is_empty() {
        lines::field(out, "connection", &tokens.join(", "));
    }
    out.extend_from_slice(b"\r\n");
}

/// Sends the body behind what is in `out` already; what is small enough is left there for the last write.
async fn stream(link: &Link, mut body: Body, mut content: Content, out: &mut Vec<u8>) -> io::Result<()> {
    let most = link.config.write_chunk;
    while content != Content::Length(0) {
        if out.len() >= most {
            link.write(out).await?;
            out.clear();
        }
        let room = match content {
            Content::Length(left) => left.min(most.saturating_sub(out.len()).max(1)),
            _ => PIECE,
        };
        let piece = poll_fn(|cx| {
            let start = out.len();
            out.resize(start + room, 0);
            let read = Pin::new(&mut body).poll_read(cx, &mut out[start..]);
            out.truncate(start + if let Poll::Ready(Ok(n)) = read { n.min(room) } else { 0 });
            match read {
                // What is there is not held back while the application takes its time.
                Poll::Pending if start > 0 => Poll::Ready(Ok(None)),
                Poll::Pending => {
                    *out = Vec::new();
                    Poll::Pending
                }
                Poll::Ready(read) => Poll::Ready(read.map(Some)),
            }
        });
        let piece = link.watched(pin!(piece)).await.map_err(io::Error::from)?;
        match (piece?, &mut content) {
            (None, _) => {
                link.write(out).await?;
                out.clear();
            }
            (Some(0), Content::Length(_)) => {
                log::error!("a response body ended before its announced length");
                return Err(Loss::Gone.into());
            }
            (Some(0), _) => break,
            (Some(n), Content::Length(left)) => *left = left.saturating_sub(n),
            (Some(n), Content::Chunked) => {
                let start = out.len().saturating_sub(n);
                out.splice(start..start, format!("{n:x}\r\n").into_bytes());
                out.extend_from_slice(b"\r\n");
            }
            (Some(_), _) => {}
        }
    }
    if content == Content::Chunked {
        out.extend_from_slice(b"0\r\n\r\n");
    }
    Ok(())
}
