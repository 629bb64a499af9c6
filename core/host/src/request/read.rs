//! Reads the head of a request to the endpoint: what it asks for. Decides only what is HTTP's business: the origin of a page,
//! and the form of a WebSocket handshake.

use super::forwarded::Client;
use super::head::{Peer, RequestHead, latin1, shown};
use super::jsonp::{is_script, origin_of_script};
use super::options::RequestOptions;
use super::origin::Access;
use super::policy::ResponsePolicy;
use super::refused::Refused;
use super::websocket::{Accept, accept};
use sanket::codec::BodyKind;
use sanket::driver::{Ask, Method, Request as Asked, RequestError, Sid, Transport};
use sanket::{Config, Handshake, Revision, Time};
use std::sync::Arc;

/// A request to the endpoint.
#[derive(Debug)]
pub struct Request {
    /// What it asks for, or why it is refused.
    pub action: Result<Action, Refused>,
    /// How the response has to look.
    pub policy: ResponsePolicy,
    /// Where the client is, as far as trusted proxies say so.
    pub client: Peer,
    /// Path and query, if somebody wants to know of refusals: see [`RequestOptions::report`].
    pub url: Option<Box<str>>,
}

/// What a request asks for.
#[derive(Debug)]
pub enum Action {
    /// A CORS preflight: see [`preflight`](super::preflight).
    Preflight {
        /// The headers that the page wants to send.
        allow_headers: Option<String>,
    },
    /// A new session.
    Open {
        /// `None` for one that the server does not speak. That is refused, with
        /// [`RequestError::UnsupportedRevision`](sanket::driver::RequestError::UnsupportedRevision), only after the application has
        /// been asked, as in the reference.
        revision: Option<Revision>,
        /// What the application may want to know of the client.
        handshake: Arc<Handshake>,
        /// How the session starts.
        transport: OpenTransport,
    },
    /// Something for a session that exists, or so the client says.
    Session {
        /// The session's id.
        sid: Sid,
        /// `None` for what no session can have.
        revision: Option<Revision>,
        /// What is asked of the session.
        kind: SessionRequest,
    },
}

/// How a session starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenTransport {
    /// By a GET.
    Polling {
        /// Whether poll responses have to be text.
        base64: bool,
    },
    /// By a WebSocket.
    WebSocket(Accept),
}

/// What is asked of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionRequest {
    /// Packets for the client.
    Poll,
    /// To take packets from the client.
    Post(BodyKind),
    /// To go on over a WebSocket.
    Upgrade(Accept),
    /// A combination of method and transport that makes no sense.
    Nonsense,
}

impl SessionRequest {
    /// The same in the protocol's words, for [`Shard::route`](sanket::driver::Shard::route).
    #[must_use]
    pub fn ask(&self) -> Ask {
        match self {
            Self::Poll => Ask::Poll,
            Self::Post(_) => Ask::Post,
            Self::Upgrade(_) => Ask::Upgrade,
            Self::Nonsense => Ask::Nonsense,
        }
    }
}

impl Request {
    /// Reads a request for the endpoint (see [`RequestOptions::is_endpoint`]) that came at `now`, in milliseconds since 1970.
    /// A page whose origin may not connect is logged.
    pub fn read(head: &impl RequestHead, peer: &Peer, options: &RequestOptions, config: &Config, now: Time) -> Self {
        let Client { peer, host, scheme } = Client::of(head, peer, &options.trusted_proxies);
        if let Some(on_request) = options.listener() {
            on_request(head.method(), &handshake(head, &peer, now));
        }
        let is_script = is_script(head);
        let origin = if is_script { origin_of_script(head) } else { head.header("origin") };
        let access = options.origins.check(origin.as_deref(), host.as_deref(), scheme);
        let policy = ResponsePolicy::read(head, access, options);
        let action = match access {
            _ if is_script && !options.jsonp => Err(RequestError::UnknownTransport.into()),
            Access::Forbidden => {
                let (origin, host) = (shown(origin.as_deref()), shown(host.as_deref()));
                log::warn!("refused a page of origin {origin:?}, which may not connect to host {host:?}");
                Err(Refused::Origin)
            }
            Access::Listed(_) | Access::Any if head.method() == "OPTIONS" => {
                let allow_headers = head.header("access-control-request-headers").map(Into::into);
                Ok(Action::Preflight { allow_headers })
            }
            Access::Same | Access::Listed(_) | Access::Any => {
                Action::read(head, &peer, policy.is_upgrade(), config, now)
            }
        };
        let url = options.reports().then(|| head.path_and_query().into());
        Self { action, policy, client: peer, url }
    }
}

impl Action {
    fn read(head: &impl RequestHead, peer: &Peer, upgrade: bool, config: &Config, now: Time) -> Result<Self, Refused> {
        let method = match head.method() {
            "GET" => Method::Get,
            "POST" => Method::Post,
            _ => Method::Other,
        };
        Ok(match Asked::parse(method, head.query(), upgrade, config)? {
            Asked::Handshake { revision, transport, base64 } => {
                let transport = match transport {
                    Transport::Polling => OpenTransport::Polling { base64 },
                    Transport::WebSocket => OpenTransport::WebSocket(accept(head)),
                };
                Self::Open { revision, handshake: Arc::new(handshake(head, peer, now)), transport }
            }
            Asked::Session { sid, revision, ask } => {
                let kind = match ask {
                    Ask::Poll => SessionRequest::Poll,
                    Ask::Post => SessionRequest::Post(body_kind(head)),
                    Ask::Upgrade => SessionRequest::Upgrade(accept(head)),
                    Ask::Nonsense => SessionRequest::Nonsense,
                };
                Self::Session { sid, revision, kind }
            }
        })
    }
}

/// What applications may want to know of the request that opens a session.
fn handshake(head: &impl RequestHead, peer: &Peer, now: Time) -> Handshake {
    let address = peer.address.map(|address| address.to_string()).unwrap_or_default();
    let fields: Vec<_> = head.fields().map(|(name, value)| (name, latin1(value))).collect();
    let handshake = Handshake::new(&head.path_and_query(), &address, now.as_millis())
        .with_headers(fields.iter().map(|(name, value)| (*name, &**value)));
    if peer.secure { handshake.over_tls() } else { handshake }
}

fn body_kind(head: &impl RequestHead) -> BodyKind {
    const BINARY: &[u8] = b"application/octet-stream";
    let content_type = head.values("content-type").last().unwrap_or_default();
    let is_binary = content_type.get(..BINARY.len()).is_some_and(|start| start.eq_ignore_ascii_case(BINARY));
    if is_binary { BodyKind::Binary } else { BodyKind::Text }
}
