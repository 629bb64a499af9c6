//! Requests of the example: from hyper's words to the host's, and the response back.

use super::websocket::hand_over;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::http::header::{CONNECTION, HeaderValue};
use axum::http::{StatusCode, request::Parts};
use axum::response::{IntoResponse as _, Response};
use futures_util::StreamExt as _;
use sanket_host::host::Host;
use sanket_host::host::mount::{Post, Reply, Wait, Waited};
use sanket_host::request::{Peer, RequestHead};
use std::future::poll_fn;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::timeout;

/// Answers a request for the server.
pub(super) async fn respond<A>(host: &Host<A>, mut request: Request) -> Response {
    let connection = hyper::upgrade::on(&mut request);
    let address = request.extensions().get().map(|ConnectInfo::<SocketAddr>(address)| address.ip());
    let (head, body) = request.into_parts();
    let waited = match host.request(&Head(&head), &Peer { address, secure: false }) {
        Reply::Response(answer) => Waited::Response(answer),
        Reply::Upgrade(upgrade) => Waited::Upgrade(upgrade),
        Reply::Wait(wait) => wait_for(wait).await,
        Reply::Post(post) => match read(body, post).await {
            Ok(wait) => wait_for(wait).await,
            Err(response) => return response,
        },
    };
    match waited {
        Waited::Response(answer) => response(answer),
        Waited::Upgrade(upgrade) => {
            let mut response = response(upgrade.response.clone());
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("Upgrade"));
            hand_over(upgrade, connection);
            response
        }
    }
}

/// Waits no longer than is allowed. If the client goes, hyper drops the future, which tells the host.
async fn wait_for(mut wait: Wait) -> Waited {
    if let Some(limit) = wait.limit() {
        match timeout(Duration::from_millis(limit), &mut wait).await {
            Ok(waited) => return waited,
            Err(_) => wait.give_up(),
        }
    }
    wait.await
}

/// Reads the body of a POST, unless nobody wants it any more.
async fn read(body: Body, mut post: Post) -> Result<Wait, Response> {
    let (mut pieces, mut bytes) = (body.into_data_stream(), Vec::new());
    while bytes.len() <= post.limit() {
        tokio::select! {
            answer = poll_fn(|cx| post.poll_refused(cx)) => return Err(response(answer)),
            piece = pieces.next() => match piece {
                Some(Ok(piece)) => bytes.extend_from_slice(&piece),
                Some(Err(_)) => return Err(StatusCode::BAD_REQUEST.into_response()),
                None => break,
            }
        }
    }
    Ok(post.finish(&bytes))
}

fn response(answer: sanket_host::http::Response) -> Response {
    let mut response = Response::builder().status(answer.status);
    for (name, value) in answer.headers() {
        response = response.header(name, value);
    }
    if answer.closes {
        response = response.header(CONNECTION, "close");
    }
    // Names and values are those of HTTP.
    response.body(Body::from(answer.body)).unwrap_or_default()
}

/// The head of a request in the host's words.
struct Head<'a>(&'a Parts);

impl RequestHead for Head<'_> {
    fn method(&self) -> &str {
        self.0.method.as_str()
    }

    fn path(&self) -> &str {
        self.0.uri.path()
    }

    fn query(&self) -> &str {
        self.0.uri.query().unwrap_or_default()
    }

    fn fields(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()))
    }
}
