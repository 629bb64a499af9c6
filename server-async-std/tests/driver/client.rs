//! A Socket.IO client of EIO=4 over WebSocket that does what it is told, and no more: it reads only when asked to.

use async_std::future::timeout;
use async_std::net::TcpStream;
use async_tungstenite::tungstenite::client::IntoClientRequest as _;
use async_tungstenite::tungstenite::http::HeaderValue;
use async_tungstenite::tungstenite::{Error, Message};
use async_tungstenite::{WebSocketStream, client_async};
use futures_lite::{AsyncReadExt as _, AsyncWriteExt as _, StreamExt as _};
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

    /// Sends an attachment.
    pub(crate) async fn send_binary(&mut self, bytes: &[u8]) {
        self.0.send(Message::binary(bytes.to_vec())).await.expect("the server takes it");
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

    /// Reads on until the server closes the WebSocket, with a close frame; the last text before it.
    pub(crate) async fn last_words(&mut self) -> String {
        let mut last = String::new();
        loop {
            match timeout(SOON, self.0.next()).await.expect("an end, soon") {
                Some(Ok(Message::Text(text))) => last = text.to_string(),
                Some(Ok(Message::Close(_))) => return last,
                other => panic!("no close frame, but {other:?}"),
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

/// Opens a session by polling; its id.
pub(crate) async fn handshake(address: SocketAddr) -> String {
    let answer = request(address, "GET", "", "").await;
    let (_, rest) = answer.split_once(r#""sid":""#).expect("a handshake");
    rest[..22].to_owned()
}

pub(crate) async fn post(address: SocketAddr, sid: &str, body: &str) -> String {
    request(address, "POST", &format!("&sid={sid}"), body).await
}

/// The head and body of an answer. Says no content type, which is text then.
pub(crate) async fn request(address: SocketAddr, method: &str, query: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let head = head(address, method, query, body.len());
    stream.write_all(format!("{head}{body}").as_bytes()).await.expect("the server takes it");
    read_all(&mut stream).await
}

pub(crate) fn head(address: SocketAddr, method: &str, query: &str, length: usize) -> String {
    format!(
        "{method} /socket.io/?EIO=4&transport=polling{query} HTTP/1.1\r\nHost: {address}\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n"
    )
}

pub(crate) async fn read_all(stream: &mut TcpStream) -> String {
    let mut answer = String::new();
    timeout(SOON, stream.read_to_string(&mut answer)).await.expect("an answer, soon").expect("an answer");
    answer
}
