//! What a request says, read off its head once, whoever has parsed it: what it wants of a session, and how its answer must look.
//! Decides nothing but what is HTTP's business: the origin of a page, and the form of a WebSocket handshake.

use crate::front::Answer;
use crate::options::Options;
use crate::origin::Verdict;
use crate::refusal::Refused;
use async_tungstenite::tungstenite::handshake::derive_accept_key;
use base64::Engine as _;
use sanket::{Ask, BodyKind, Config, Handshake, Method, Request as Asked, Revision, Sid, Transport, jsonp};
use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tide::StatusCode;

/// The head of a request.
pub(crate) trait Head {
    fn method(&self) -> tide::http::Method;

    /// What is behind the question mark.
    fn query(&self) -> &str;

    fn path_and_query(&self) -> Cow<'_, str>;

    /// All values of a header, its name in lower case.
    fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str>;

    /// Names and values of all headers.
    fn pairs(&self) -> impl Iterator<Item = (&str, &str)>;

    /// Where it comes from, if that is known.
    fn address(&self) -> Option<IpAddr>;

    /// Whether it came over TLS.
    fn is_secure(&self) -> bool;

    /// The last value of a header.
    fn header<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.values(name).last()
    }
}

/// All that matters of a request.
pub(crate) struct Question {
    pub(crate) wish: Result<Wish, Refused>,
    pub(crate) manner: Manner,
    /// Path and query, if somebody wants to know of refusals.
    pub(crate) url: Option<Box<str>>,
}

/// What a request wants.
pub(crate) enum Wish {
    /// To know whether it may ask, with these headers.
    Preflight(Option<String>),
    /// A session.
    Open { revision: Option<Revision>, handshake: Arc<Handshake>, way: Way },
    /// Something of a session that exists, or so it says.
    Session { sid: Sid, revision: Option<Revision>, errand: Errand },
}

/// How a session is to be opened.
pub(crate) enum Way {
    Polling { base64: bool },
    WebSocket(Accept),
}

/// What is wanted of a session.
pub(crate) enum Errand {
    Poll,
    Post(BodyKind),
    Upgrade(Accept),
    Nonsense,
}

/// What `Sec-WebSocket-Accept` must say (RFC 6455, 4.2), or the status of the refusal.
pub(crate) type Accept = Result<String, StatusCode>;

/// How an answer must look.
#[derive(Default)]
pub(crate) struct Manner {
    /// A WebSocket is wanted.
    pub(crate) upgrades: bool,
    /// An Internet Explorer asks, which takes some answers for an attack.
    filters_scripts: bool,
    page: Page,
    /// JSONP: what a script is to call the page back with.
    pub(crate) script: Option<Box<str>>,
    /// `Accept-Encoding`, if anything is ever compressed.
    pub(crate) accepts: Option<Box<str>>,
}

/// What is to be said about a page's origin.
#[derive(Default)]
enum Page {
    #[default]
    Nothing,
    Any,
    Listed(Box<str>),
}

impl Question {
    pub(crate) fn read(head: &impl Head, options: &Options, config: &Config) -> Self {
        let verdict = options.origins.judge(head.header("origin"), head.header("host"));
        let manner = Manner::read(head, verdict, options);
        let wish = match verdict {
            Verdict::Refused => Err(Refused::Origin),
            Verdict::Listed(_) | Verdict::Any if head.method() == tide::http::Method::Options => {
                Ok(Wish::Preflight(head.header("access-control-request-headers").map(Into::into)))
            }
            Verdict::Same | Verdict::Listed(_) | Verdict::Any => Wish::read(head, manner.upgrades, config),
        };
        let url = options.on_refused.as_ref().map(|_| head.path_and_query().into());
        Self { wish, manner, url }
    }
}

impl Wish {
    fn read(head: &impl Head, upgrades: bool, config: &Config) -> Result<Self, Refused> {
        let method = match head.method() {
            tide::http::Method::Get => Method::Get,
            tide::http::Method::Post => Method::Post,
            _ => Method::Other,
        };
        Ok(match Asked::parse(method, head.query(), upgrades, config)? {
            Asked::Handshake { revision, transport, base64 } => {
                let way = match transport {
                    Transport::Polling => Way::Polling { base64 },
                    Transport::WebSocket => Way::WebSocket(accept(head)),
                };
                Self::Open { revision, handshake: handshake(head), way }
            }
            Asked::Session { sid, revision, ask } => {
                let errand = match ask {
                    Ask::Poll => Errand::Poll,
                    Ask::Post => Errand::Post(match head.header("content-type") {
                        Some(kind) if kind.starts_with("application/octet-stream") => BodyKind::Binary,
                        _ => BodyKind::Text,
                    }),
                    Ask::Upgrade => Errand::Upgrade(accept(head)),
                    Ask::Nonsense => Errand::Nonsense,
                };
                Self::Session { sid, revision, errand }
            }
        })
    }
}

impl Errand {
    pub(crate) fn ask(&self) -> Ask {
        match self {
            Self::Poll => Ask::Poll,
            Self::Post(_) => Ask::Post,
            Self::Upgrade(_) => Ask::Upgrade,
            Self::Nonsense => Ask::Nonsense,
        }
    }
}

impl Manner {
    fn read(head: &impl Head, verdict: Verdict<'_>, options: &Options) -> Self {
        let agent = head.header("user-agent").unwrap_or_default();
        let compresses = options.compression.is_some();
        Self {
            upgrades: head.header("upgrade").is_some_and(|value| value.eq_ignore_ascii_case("websocket")),
            filters_scripts: agent.contains(";MSIE") || agent.contains("; MSIE") || agent.contains("Trident/"),
            page: match verdict {
                Verdict::Same | Verdict::Refused => Page::Nothing,
                Verdict::Any => Page::Any,
                Verdict::Listed(origin) => Page::Listed(origin.into()),
            },
            script: script(head.query()),
            accepts: if compresses { join(head.values("accept-encoding")) } else { None },
        }
    }

    /// Puts into an answer what every one to this request has.
    pub(crate) fn apply(&self, answer: &mut Answer) {
        answer.usual = &[("cache-control", "no-store")];
        if self.filters_scripts {
            answer.add("x-xss-protection", "0");
        }
        match &self.page {
            Page::Nothing => {}
            Page::Any => answer.add("access-control-allow-origin", "*"),
            Page::Listed(origin) => {
                answer.add("access-control-allow-origin", String::from(&**origin));
                answer.add("access-control-allow-credentials", "true");
                answer.add("vary", "Origin");
            }
        }
    }
}

/// A header that may be said in several lines, in one.
fn join<'a>(mut values: impl Iterator<Item = &'a str>) -> Option<Box<str>> {
    let first = values.next()?;
    let Some(second) = values.next() else { return Some(first.into()) };
    let mut all = [first, second].join(",");
    for value in values {
        all.push(',');
        all.push_str(value);
    }
    Some(all.into())
}

/// The first `j` of a query.
fn script(query: &str) -> Option<Box<str>> {
    // Nearly no request has one, and this finds that out sooner.
    let bytes = query.as_bytes();
    let begins = |at: usize| at == 0 || bytes[at - 1] == b'&';
    if !memchr::memchr2_iter(b'j', b'%', bytes).any(|at| bytes[at] == b'%' || begins(at)) {
        return None;
    }
    let (_, j) = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "j")?;
    Some(jsonp::digits(&j).into())
}

/// What applications may want to know of the request that opens a session.
fn handshake(head: &impl Head) -> Arc<Handshake> {
    let address = head.address().map(|address| address.to_string()).unwrap_or_default();
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let issued = u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX);
    let handshake = Handshake::new(&head.path_and_query(), &address, issued).with_headers(head.pairs());
    Arc::new(if head.is_secure() { handshake.over_tls() } else { handshake })
}

fn accept(head: &impl Head) -> Accept {
    let mut tokens = head.values("connection").flat_map(|value| value.split(','));
    if !tokens.any(|token| token.trim().eq_ignore_ascii_case("upgrade")) {
        return Err(StatusCode::BadRequest);
    }
    if head.header("sec-websocket-version") != Some("13") {
        return Err(StatusCode::UpgradeRequired);
    }
    let key = head.header("sec-websocket-key").unwrap_or_default();
    let decoded = base64::engine::general_purpose::STANDARD.decode(key);
    let valid = decoded.is_ok_and(|bytes| bytes.len() == 16);
    if valid { Ok(derive_accept_key(key.as_bytes())) } else { Err(StatusCode::BadRequest) }
}
