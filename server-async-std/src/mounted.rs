//! The endpoint as one of tide's, behind whatever listener: requests and answers in tide's words.

use crate::front::{Answer, Peer};
use crate::http::{Body, Endpoint, Served};
use crate::question::Head;
use crate::workers;
use crate::ws::Socket;
use futures_lite::FutureExt as _;
use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tide::http::{Method, headers};
use tide::{Request, Response};

/// How long the connection of an answered upgrade may take to be handed over.
const HANDOVER: Duration = Duration::from_secs(10);

impl<State> Head for Request<State> {
    fn method(&self) -> Method {
        self.method()
    }

    fn query(&self) -> &str {
        self.url().query().unwrap_or_default()
    }

    fn path_and_query(&self) -> Cow<'_, str> {
        let url = self.url();
        url.query().map_or_else(|| url.path().into(), |query| format!("{}?{query}", url.path()).into())
    }

    fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.header(name).into_iter().flatten().map(headers::HeaderValue::as_str)
    }

    fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.iter().flat_map(|(name, values)| values.iter().map(|value| (name.as_str(), value.as_str())))
    }

    fn address(&self) -> Option<IpAddr> {
        // `peer_addr` has the port behind it.
        let address = self.peer_addr()?;
        address.parse::<SocketAddr>().map(|address| address.ip()).or_else(|_| address.parse()).ok()
    }

    fn is_secure(&self) -> bool {
        self.url().scheme() == "https"
    }
}

/// An endpoint as tide asks it.
#[derive(Clone)]
pub(crate) struct Mounted(pub(crate) Arc<Endpoint>);

#[async_trait::async_trait]
impl<State: Clone + Send + Sync + 'static> tide::Endpoint<State> for Mounted {
    async fn call(&self, mut request: Request<State>) -> tide::Result {
        let question = self.0.read(&request);
        // Our own listener says which socket it is.
        let stream = request.ext::<Peer>().map(|peer| peer.stream.clone());
        let length = request.len();
        let body = Body { reader: request.take_body().into_reader(), length };
        Ok(match self.0.serve(question, Some(body), stream).await {
            Served::Answer(answer) => response(answer),
            Served::WebSocket(answer, socket) => {
                let mut response = response(answer);
                response.insert_header(headers::CONNECTION, "Upgrade");
                hand_over(response, socket).await
            }
        })
    }
}

fn response(answer: Answer) -> Response {
    let mut response = Response::new(answer.status);
    for (name, value) in answer.headers() {
        response.append_header(name, value);
    }
    if answer.closes {
        response.insert_header(headers::CONNECTION, "close");
    }
    if answer.content_type.is_some() {
        response.set_body(Vec::from(answer.body));
    }
    response
}

/// Once the connection is handed over, the WebSocket lives in a task of its own.
async fn hand_over(mut response: Response, socket: Socket) -> Response {
    let inner: &mut tide::http::Response = response.as_mut();
    let connection = inner.recv_upgrade().await;
    workers::spawn(async move {
        let late = async {
            workers::sleep(HANDOVER).await;
            None
        };
        // Dropping the socket tells the core that there will be no WebSocket.
        if let Some(connection) = connection.or(late).await {
            socket.run(connection, Vec::new()).await;
        }
    });
    response
}
