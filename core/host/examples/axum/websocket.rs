//! WebSockets of the example: tokio-tungstenite carries them, message by message.

use futures_util::{SinkExt as _, StreamExt as _};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use sanket::driver::{RawMessage, WsMessage};
use sanket_host::host::mount::{Messages, Upgrade};
use std::future::poll_fn;
use std::time::Duration;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

/// How long hyper may take to hand a connection over, and a client to take a message.
const STALL: Duration = Duration::from_secs(30);
/// How long a client may take to close a WebSocket.
const FAREWELL: Duration = Duration::from_secs(1);

type WebSocket = WebSocketStream<TokioIo<Upgraded>>;

/// Waits in a task for the connection of a request that is answered with 101. The WebSocket lives there.
pub(super) fn hand_over(upgrade: Upgrade, connection: OnUpgrade) {
    tokio::spawn(async move {
        // If not, the upgrade is dropped, which says that there will be no WebSocket.
        if let Ok(Ok(connection)) = timeout(STALL, connection).await {
            carry(connection, upgrade.open()).await;
        }
    });
}

async fn carry(connection: Upgraded, mut messages: Messages) {
    let limit = Some(messages.limit());
    let mut config = WebSocketConfig::default().read_buffer_size(1 << 10).write_buffer_size(0);
    (config.max_message_size, config.max_frame_size) = (limit, limit);
    let connection = TokioIo::new(connection);
    let mut websocket = WebSocketStream::from_raw_socket(connection, Role::Server, Some(config)).await;
    let code = exchange(&mut websocket, &mut messages).await;
    // Dropping them says that the client broke the protocol.
    if code.is_none() {
        messages.closed();
    }
    let frame = code.map(|code| CloseFrame { code, reason: Utf8Bytes::default() });
    let farewell = async {
        // It fails if the client has closed it. Reading on sends the answer then.
        let _ = websocket.close(frame).await;
        while let Some(Ok(_)) = websocket.next().await {}
    };
    let _ = timeout(FAREWELL, farewell).await;
}

/// Returns when the WebSocket is to be closed: with a code, if it is the client that broke the protocol.
async fn exchange(websocket: &mut WebSocket, messages: &mut Messages) -> Option<CloseCode> {
    let mut sending = Vec::new();
    loop {
        tokio::select! {
            goes_on = poll_fn(|cx| messages.poll_send(cx, &mut sending)) => {
                for message in sending.drain(..) {
                    let message = match message {
                        // What the protocol encodes is text.
                        WsMessage::Text(bytes) => Message::Text(Utf8Bytes::try_from(bytes).unwrap_or_default()),
                        WsMessage::Binary(bytes) => Message::Binary(bytes),
                    };
                    let Ok(Ok(())) = timeout(STALL, websocket.send(message)).await else { return None };
                }
                if !goes_on {
                    return None;
                }
            }
            received = websocket.next() => match received {
                Some(Ok(Message::Text(text))) => messages.receive(RawMessage::Text(&text)),
                Some(Ok(Message::Binary(bytes))) => messages.receive(RawMessage::Binary(&bytes)),
                Some(Ok(Message::Close(_))) | None => return None,
                Some(Ok(_)) => continue,
                Some(Err(Error::Capacity(_))) => return Some(CloseCode::Size),
                Some(Err(Error::Utf8(_))) => return Some(CloseCode::Invalid),
                Some(Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake))) => return None,
                Some(Err(Error::Protocol(_) | Error::AttackAttempt)) => return Some(CloseCode::Protocol),
                // A connection that breaks has closed, with less ceremony.
                Some(Err(_)) => return None,
            }
        }
        poll_fn(|cx| messages.poll_receive(cx)).await;
    }
}
