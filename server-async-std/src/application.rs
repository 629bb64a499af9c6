//! Requests for the tide application around the server: from the host's words to http-types', and the response back.

use crate::driver::Application;
use async_std::task::spawn;
use futures_lite::{AsyncBufRead, AsyncRead, AsyncWrite, FutureExt as _};
use sanket_host::host::application::{self, Gone, Head, Request, Responder, Writer};
use sanket_host::http::{Refusal, Response};
use std::borrow::Cow;
use std::future::{Future as _, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};
use tide::http::headers::{CONTENT_TYPE, HeaderName, HeaderValue};
use tide::http::{self, Method, StatusCode, Url, Version};

/// What is read at once of a body.
const PIECE: usize = 16 * 1024;

/// A tide application.
pub(crate) struct Tide<State>(pub(crate) tide::Server<State>);

impl<State: Clone + Send + Sync + 'static> Application for Tide<State> {
    fn request(&self, request: Request) {
        let mut response = Box::pin(respond(self.0.clone(), request));
        // What is there at once is sent at once, also to a client that has ended its direction; the rest is a task.
        if response.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            spawn(response);
        }
    }
}

async fn respond<State: Clone + Send + Sync + 'static>(app: tide::Server<State>, request: Request) {
    let Request { head, peer, body, mut responder } = request;
    let request = match convert(&head, body) {
        Ok(mut request) => {
            request.set_peer_addr(peer.address.map(|address| SocketAddr::new(address, 0)));
            request
        }
        Err(refusal) => return responder.respond(&refusal.response()),
    };
    let respond = async { Some(AssertUnwindSafe(app.respond(request)).catch_unwind().await) };
    let gone = async {
        poll_fn(|cx| responder.poll_gone(cx)).await;
        None
    };
    // The application's future is dropped when the client has gone.
    let response: http::Response = match respond.or(gone).await {
        None => return,
        Some(Ok(Ok(response))) => response,
        Some(Ok(Err(error))) => http::Response::new(error.status()),
        Some(Err(_panic)) => {
            log::error!("an endpoint panicked");
            return responder.respond(&internal_error());
        }
    };
    match response.status() {
        StatusCode::SwitchingProtocols => switch(responder, response).await,
        _ => send(responder, response).await,
    }
}

/// The connection ends after it: what the endpoint was at is anybody's guess.
fn internal_error() -> Response {
    let mut response = Refusal::new(::http::StatusCode::INTERNAL_SERVER_ERROR, "internal error").response();
    response.closes = true;
    response
}

/// The request as tide sees it.
fn convert(head: &Head, body: application::Body) -> Result<http::Request, Refusal> {
    const MALFORMED: Refusal = Refusal::bad("malformed request target");
    let host = head.fields.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"));
    let host = host.map(|(_, host)| String::from_utf8_lossy(host)).filter(|host| !host.is_empty());
    let host = host.as_deref().unwrap_or("localhost");
    let url = match &*head.target {
        "*" => format!("http://{host}/*"),
        target if target.starts_with('/') => format!("http://{host}{target}"),
        target => target.into(),
    };
    let url = Url::parse(&url).map_err(|_| MALFORMED)?;
    if !url.username().is_empty() || url.password().is_some() || !matches!(url.scheme(), "http" | "https") {
        return Err(MALFORMED);
    }
    let method: Method =
        head.method.parse().map_err(|_| Refusal::new(::http::StatusCode::NOT_IMPLEMENTED, "unknown method"))?;
    let is_absolute = !head.target.starts_with('/') && &*head.target != "*";
    let authority = is_absolute.then(|| {
        let host = url.host_str().unwrap_or_default();
        url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    });
    let mut request = http::Request::new(method, url);
    request.set_version(Some(if head.http10 { Version::Http1_0 } else { Version::Http1_1 }));
    for (name, value) in &head.fields {
        let value = match &authority {
            Some(authority) if name.eq_ignore_ascii_case("host") => authority.as_bytes(),
            _ => value,
        };
        let name = HeaderName::from_bytes(name.as_bytes().into());
        let value = HeaderValue::from_bytes(ascii(value).into());
        // Names are tokens by now.
        if let (Ok(name), Ok(value)) = (name, value) {
            request.append_header(name, value);
        }
    }
    if head.has_body {
        let is_typed = request.header(CONTENT_TYPE).is_some();
        let length = head.length.and_then(|length| usize::try_from(length).ok());
        request.set_body(http::Body::from_reader(Body { body, buffer: Vec::new(), used: 0 }, length));
        if !is_typed {
            // `set_body` puts one there that the client never sent.
            request.remove_header(CONTENT_TYPE);
        }
    }
    Ok(request)
}

/// The value of a field as http-types can hold it: bytes beyond ASCII are percent-encoded, as in a URL. A field that was left out
/// instead would be one that a client hides from the application: `X-Forwarded-For`, to which a proxy has appended, for one.
fn ascii(value: &[u8]) -> Cow<'_, [u8]> {
    if value.is_ascii() {
        return Cow::Borrowed(value);
    }
    let mut encoded = Vec::with_capacity(value.len() * 3);
    for byte in value {
        match byte {
            ..=0x7f => encoded.push(*byte),
            _ => encoded.extend(format!("%{byte:02X}").into_bytes()),
        }
    }
    Cow::Owned(encoded)
}

/// A request's body as something to read.
struct Body {
    body: application::Body,
    buffer: Vec<u8>,
    /// So many bytes of the buffer have been taken.
    used: usize,
}

impl AsyncBufRead for Body {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let Self { body, buffer, used } = self.get_mut();
        if *used == buffer.len() {
            (*buffer, *used) = (Vec::new(), 0);
            ready!(body.poll_read(cx, buffer, PIECE)).map_err(|Gone| io::ErrorKind::ConnectionAborted)?;
        }
        Poll::Ready(Ok(&buffer[*used..]))
    }

    fn consume(mut self: Pin<&mut Self>, n: usize) {
        self.used = (self.used + n).min(self.buffer.len());
    }
}

impl AsyncRead for Body {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut [u8]) -> Poll<io::Result<usize>> {
        let bytes = ready!(self.as_mut().poll_fill_buf(cx))?;
        let n = out.len().min(bytes.len());
        out[..n].copy_from_slice(&bytes[..n]);
        self.consume(n);
        Poll::Ready(Ok(n))
    }
}

/// Sends the response: as a whole if its first piece is all of it, else in pieces.
async fn send(mut responder: Responder, mut response: http::Response) {
    let length = response.len();
    let mut head = head(&response);
    let mut body = response.take_body();
    let mut piece = vec![0; PIECE];
    let mut filled = 0;
    let ended = poll_fn(|cx| {
        while filled < PIECE && length != Some(filled) {
            match Pin::new(&mut body).poll_read(cx, &mut piece[filled..]) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Some(true)),
                Poll::Ready(Ok(n)) => filled += n,
                Poll::Ready(Err(error)) => {
                    log::error!("the body of a response cannot be read: {error}");
                    return Poll::Ready(None);
                }
                // What is there is not held back while the application takes its time.
                Poll::Pending if filled > 0 => break,
                Poll::Pending => return responder.poll_gone(cx).map(|()| None),
            }
        }
        Poll::Ready(Some(length == Some(filled)))
    });
    let ended = ended.await;
    piece.truncate(filled);
    match ended {
        Some(true) if length.is_none_or(|length| length == filled) => {
            if length.is_some() {
                head.body = piece.into();
                return responder.respond(&head);
            }
            let mut writer = responder.start(&head, None);
            writer.write(&piece);
            writer.end();
        }
        Some(ended) => {
            let mut writer = responder.start(&head, length.map(|length| length as u64));
            writer.write(&piece);
            // One that has ended too early ends the connection.
            if !ended && stream(writer, body).await.is_none() {
                log::debug!("a response was not sent to its end");
            }
        }
        None => drop(responder),
    }
}

fn head(response: &http::Response) -> Response {
    let status = ::http::StatusCode::from_u16(response.status().into());
    let mut head = Response::new(status.unwrap_or(::http::StatusCode::INTERNAL_SERVER_ERROR));
    for (name, values) in response {
        for value in values {
            if name == "connection" {
                head.closes |= value.as_str().split(',').any(|token| token.trim().eq_ignore_ascii_case("close"));
            } else if name != "content-length" && name != "transfer-encoding" {
                head.add(name.as_str().to_owned(), value.as_str().to_owned());
            }
        }
    }
    head
}

/// Hands the connection to whoever wants to upgrade it.
async fn switch(responder: Responder, mut response: http::Response) {
    if !response.has_upgrade() {
        log::error!("an endpoint answered 101 without taking the connection");
        return responder.respond(&internal_error());
    }
    let sender = response.send_upgrade();
    if let Some((body, writer)) = responder.switch(&head(&response)) {
        let body = Body { body, buffer: Vec::new(), used: 0 };
        // If nobody listens any more, it is dropped here, and closed.
        sender.send(http::upgrade::Connection::new(Upgraded { body, writer: Some(writer) })).await;
    }
}

/// A connection that speaks another protocol.
struct Upgraded {
    body: Body,
    /// Nothing once it is closed.
    writer: Option<Writer>,
}

impl AsyncRead for Upgraded {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.body).poll_read(cx, out)
    }
}

impl AsyncWrite for Upgraded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Some(writer) = &mut self.writer else { return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())) };
        let room = ready!(writer.poll_room(cx)).map_err(|Gone| io::ErrorKind::BrokenPipe)?;
        let n = room.min(bytes.len());
        writer.write(&bytes[..n]);
        Poll::Ready(Ok(n))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(writer) = self.writer.take() {
            writer.end();
        }
        Poll::Ready(Ok(()))
    }
}

async fn stream(mut writer: Writer, body: http::Body) -> Option<()> {
    let mut body = pin!(body);
    let mut piece = vec![0; PIECE];
    loop {
        let room = poll_fn(|cx| writer.poll_room(cx)).await.ok()?;
        let room = room.min(PIECE);
        let read = poll_fn(|cx| {
            if writer.poll_gone(cx).is_ready() {
                return Poll::Ready(None);
            }
            body.as_mut().poll_read(cx, &mut piece[..room]).map(Some)
        });
        match read.await? {
            Ok(0) => {
                writer.end();
                return Some(());
            }
            Ok(n) => writer.write(&piece[..n]),
            Err(error) => {
                log::error!("the body of a response cannot be read: {error}");
                return None;
            }
        }
    }
}
