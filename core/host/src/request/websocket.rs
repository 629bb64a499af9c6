//! The client's half of a WebSocket handshake (RFC 6455, 4.2.1).

use super::head::RequestHead;
use ::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tungstenite::handshake::derive_accept_key;

/// What a `101` has to say, or the status of the refusal: 400, or 426 for a version other than 13.
pub type Accept = Result<WebSocketAccept, StatusCode>;

/// What the `101` to a valid handshake has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebSocketAccept {
    /// The value of `sec-websocket-accept`.
    pub key: String,
    /// The value of `sec-websocket-protocol`: the first that the client offers, as the reference.
    pub protocol: Option<String>,
}

/// Reads the handshake of a request whose `upgrade` field says `websocket`.
pub(super) fn accept(head: &impl RequestHead) -> Accept {
    let mut tokens = head.values("connection").flat_map(|value| value.split(|b| *b == b','));
    if !tokens.any(|token| token.trim_ascii().eq_ignore_ascii_case(b"upgrade")) {
        return Err(StatusCode::BAD_REQUEST);
    }
    if head.values("sec-websocket-version").last() != Some(b"13") {
        return Err(StatusCode::UPGRADE_REQUIRED);
    }
    let key = head.values("sec-websocket-key").last().unwrap_or_default();
    if !STANDARD.decode(key).is_ok_and(|bytes| bytes.len() == 16) {
        return Err(StatusCode::BAD_REQUEST);
    }
    let protocol = match head.list("sec-websocket-protocol") {
        None => None,
        Some(offered) => Some(first_protocol(&offered).ok_or(StatusCode::BAD_REQUEST)?.into()),
    };
    Ok(WebSocketAccept { key: derive_accept_key(key), protocol })
}

/// The first of a list of tokens; `None` if one of them is none, or is there twice (RFC 6455, 4.1, item 10).
fn first_protocol(offered: &str) -> Option<&str> {
    let is_token = |token: &str| {
        !token.is_empty() && token.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
    };
    let mut protocols: Vec<_> = offered.split(',').map(|protocol| protocol.trim_matches([' ', '\t'])).collect();
    let first = *protocols.first()?;
    protocols.sort_unstable();
    let valid = protocols.iter().all(|protocol| is_token(protocol));
    let unique = protocols.windows(2).all(|pair| pair.first() != pair.last());
    (valid && unique).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::super::test_head::Head;
    use super::*;

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

    fn upgrade() -> Head {
        let head = Head::get("/").field("Connection", "keep-alive, Upgrade").field("Sec-WebSocket-Version", "13");
        head.field("Sec-WebSocket-Key", KEY)
    }

    #[test]
    fn a_valid_handshake_is_accepted() {
        // The example of RFC 6455, 1.3.
        let key = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".to_owned();
        assert_eq!(accept(&upgrade()), Ok(WebSocketAccept { key, protocol: None }));
        let split = upgrade().without("connection").field("connection", "close").field("connection", "x,UPGRADE");
        assert!(accept(&split).is_ok());
    }

    #[test]
    fn an_invalid_handshake_is_refused() {
        for (name, values) in [
            ("Connection", &["keep-alive", "upgrades", ""][..]),
            ("Sec-WebSocket-Key", &["", "AAAA", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ==, x", "\u{e9}"]),
        ] {
            assert_eq!(accept(&upgrade().without(name)), Err(StatusCode::BAD_REQUEST), "{name}");
            for value in values {
                let head = upgrade().without(name).field(name, value);
                assert_eq!(accept(&head), Err(StatusCode::BAD_REQUEST), "{name}: {value}");
            }
        }
        for version in ["8", "", "13, 8", "013"] {
            let head = upgrade().without("sec-websocket-version").field("sec-websocket-version", version);
            assert_eq!(accept(&head), Err(StatusCode::UPGRADE_REQUIRED), "{version}");
        }
        assert_eq!(accept(&upgrade().without("sec-websocket-version")), Err(StatusCode::UPGRADE_REQUIRED));
    }

    #[test]
    fn the_first_protocol_offered_is_chosen() {
        for (offered, chosen) in
            [(&["chat"][..], "chat"), (&["b , a"], "b"), (&["z", "a,b"], "z"), (&["v1.x\t, a"], "v1.x")]
        {
            let head = offered.iter().fold(upgrade(), |head, value| head.field("sec-websocket-protocol", value));
            assert_eq!(accept(&head).map(|accept| accept.protocol), Ok(Some(chosen.into())), "{offered:?}");
        }
        for bad in ["", ",", "a,", "a,,b", "a b", "a, a", "a,b,a", "a;b", "\u{e9}"] {
            let head = upgrade().field("sec-websocket-protocol", bad);
            assert_eq!(accept(&head), Err(StatusCode::BAD_REQUEST), "{bad}");
        }
    }
}
