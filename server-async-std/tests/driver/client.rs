//! A Socket.IO client of EIO=4 over WebSocket that does what it is told, and no more: it reads only when asked to.

use async_std::future::timeout;
use async_std::net::TcpStream;
use async_tungstenite::tungstenite::client::IntoClientRequest as _;
use async_tungstenite::tungstenite::http::HeaderValue;
use async_tungstenite::tungstenite::{Error, Message};
use async_tungstenite::{WebSocketStream, client_async};
use futures_lite::StreamExt as _;
use std::net::SocketAddr;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(10);

pub(crate) struct Client(WebSocketStream<TcpStream>);

impl Client {
    /// Opens a WebSocket as a page of `origin` would, or a program.
    pub(crate) async fn open(address: SocketAddr, origin: Option<&str>) -> Result<Self, Error> {
        let url = format!("ws://{address}/socket.io/?EIO=4&transport=websocket");
        let mut request = url.into_client_request()?;
        if let Some(origin) = origin {
            request.headers_mut().insert("origin", HeaderValue::from_str(origin).expect("an origin"));
        }
        let stream = TcpStream::connect(address).await?;
        let (ws, _) = client_async(request, stream).await?;
        Ok(Self(ws))
    }

    /// Opens one and joins `/`.
    pub(crate) async fn join(address: SocketAddr) -> Self {
        let mut client = Self::open(address, None).await.expect("a WebSocket");
        assert!(client.next().await.starts_with('0'));
        client.send("40").await;
        assert!(client.next().await.starts_with("40{"));
        assert_eq!(client.next().await, r#"42["welcome",1]"#);
        client
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.expect("the server takes it");
    }

    /// The next text message.
    pub(crate) async fn next(&mut self) -> String {
        loop {
            let message = timeout(SOON, self.0.next()).await.expect("a message, soon");
            match message.expect("the WebSocket is open").expect("the WebSocket works") {
                Message::Text(text) if text.as_str() == "2" => self.send("3").await,
                Message::Text(text) => return text.to_string(),
                other => panic!("unexpected: {other:?}"),
            }
        }
    }

    /// The next text message that begins like this.
    pub(crate) async fn next_like(&mut self, start: &str) -> String {
        loop {
            let text = self.next().await;
            if text.starts_with(start) {
                return text;
            }
        }
    }
}
