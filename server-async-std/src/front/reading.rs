//! The wait for a request's head, the only place where a connection may be idle. Refuses to know what is done with it.
use super::gate::{Gate, Phase};
use super::head::{self, Head};
use super::inbound::lock;
use super::link::Link;
use super::refusal::Refusal;
use async_std::future::timeout;
use event_listener::EventListener;
use futures_lite::FutureExt;
use std::net::SocketAddr;
use std::time::Instant;
use tide::http::StatusCode;

const TOO_LONG: Refusal = Refusal::new(StatusCode::RequestHeaderFieldsTooLarge, "the head is too long");

/// What a wait for a request came to.
pub(super) enum Next {
    Request(Box<Head>),
    Refuse(Refusal),
    /// Nobody waits for an answer.
    End,
}

/// Waits for the next request; `first` if it is the connection's first. `ear` listens for the end of the house.
pub(super) async fn next_head(
    link: &Link,
    gate: &Gate,
    ear: &mut Option<EventListener>,
    local: SocketAddr,
    first: bool,
) -> Next {
    let config = &link.config;
    let mut started = first.then(Instant::now);
    let mut n_parsed = 0;
    loop {
        let idle = {
            let mut inbound = lock(&link.inbound);
            let bytes = inbound.received.unread();
            // To parse again for every byte would be quadratic; a head is only complete with a line's end.
            if n_parsed == 0 && !bytes.is_empty() || bytes[n_parsed..].contains(&b'\n') {
                n_parsed = bytes.len();
                match head::parse(bytes, config.max_headers, local) {
                    Ok(Some(head)) if head.len <= config.max_head => {
                        inbound.received.consume(head.len);
                        return Next::Request(Box::new(head));
                    }
                    Ok(None) if bytes.len() < config.max_head => {}
                    Ok(_) => return Next::Refuse(TOO_LONG),
                    Err(refusal) => return Next::Refuse(refusal),
                }
            }
            if bytes.len() >= config.max_head {
                return Next::Refuse(TOO_LONG);
            }
            bytes.is_empty()
        };
        let patience = match started {
            Some(started) => config.head_timeout.saturating_sub(started.elapsed()),
            None => config.keep_alive_timeout,
        };
        let receive = async { Some(link.receive().await) };
        let drained = async {
            gate.wait_for(Phase::Draining, ear).await;
            None
        };
        let received =
            if idle { timeout(patience, receive.or(drained)).await } else { timeout(patience, receive).await };
        match received {
            Ok(Some(Ok(1..))) => started = started.or_else(|| Some(Instant::now())),
            Err(_) if !idle => {
                return Next::Refuse(Refusal::new(StatusCode::RequestTimeout, "the head came too slowly"));
            }
            _ => return Next::End,
        }
    }
}
