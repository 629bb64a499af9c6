//! What a server is told beyond the protocol's limits: who may come in, which cookies it sets, what it compresses. These are
//! HTTP's business; the core never hears of them.

use crate::origin::Origins;
use sanket::{Handshake, RequestError};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

type Admitting = Pin<Box<dyn Future<Output = Result<Welcome, Denial>> + Send>>;
type Admit = Box<dyn Fn(Arc<Handshake>) -> Admitting + Send + Sync>;
type OnRefused = Box<dyn Fn(RequestError, &str) + Send + Sync>;

/// Options of a server. Start from [`Options::default`].
pub struct Options {
    pub(crate) origins: Origins,
    pub(crate) cookie: Option<Cookie>,
    pub(crate) compression: Option<usize>,
    pub(crate) admit: Option<Admit>,
    pub(crate) admit_timeout: Duration,
    pub(crate) on_refused: Option<OnRefused>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            origins: Origins::same(),
            cookie: None,
            compression: Some(1_024),
            admit: None,
            admit_timeout: Duration::from_secs(10),
            on_refused: None,
        }
    }
}

impl Options {
    /// Which pages may talk to the server. Default: its own.
    #[must_use]
    pub fn origins(mut self, origins: Origins) -> Self {
        self.origins = origins;
        self
    }

    /// A cookie with the session's id, for load balancers that send a client to the same server again. It is never read here.
    /// Default: none, as the reference since 4.0.
    #[must_use]
    pub fn cookie(mut self, cookie: Cookie) -> Self {
        self.cookie = Some(cookie);
        self
    }

    /// Answers to polls of so many bytes or more are compressed with gzip or deflate, if the client takes that. `None`: never.
    /// Default: 1,024, as the reference.
    #[must_use]
    pub fn compression(mut self, threshold: Option<usize>) -> Self {
        self.compression = threshold;
        self
    }

    /// Asks `admit` about each handshake, before a session is opened for it: the reference's `allowRequest`. It may take its
    /// time, up to [`Options::admit_timeout`]. Who is let in may be given headers with the answer; who is not is answered 403,
    /// code 4, and over WebSocket 400, as the reference has it.
    #[must_use]
    pub fn admit<F>(mut self, admit: impl Fn(Arc<Handshake>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Welcome, Denial>> + Send + 'static,
    {
        self.admit = Some(Box::new(move |handshake| Box::pin(admit(handshake))));
        self
    }

    /// How long [`Options::admit`] may take; then the client is refused. Default: 10 seconds.
    #[must_use]
    pub fn admit_timeout(mut self, timeout: Duration) -> Self {
        self.admit_timeout = timeout;
        self
    }

    /// Called with every refusal, and the path and query of the request: the reference's `connection_error`. Must not block.
    #[must_use]
    pub fn on_refused(mut self, on_refused: impl Fn(RequestError, &str) + Send + Sync + 'static) -> Self {
        self.on_refused = Some(Box::new(on_refused));
        self
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("origins", &self.origins).field("cookie", &self.cookie).finish_non_exhaustive()
    }
}

/// The cookie of [`Options::cookie`]: for all paths, out of reach of scripts, and not sent along by other sites, unless told
/// otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookie {
    name: String,
    attributes: String,
}

impl Cookie {
    /// A cookie of this name, with `Path=/; HttpOnly; SameSite=Lax`, as the reference.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.into(), attributes: "Path=/; HttpOnly; SameSite=Lax".into() }
    }

    /// The same with other attributes, as they are written in `Set-Cookie`.
    #[must_use]
    pub fn attributes(mut self, attributes: &str) -> Self {
        self.attributes = attributes.into();
        self
    }

    pub(crate) fn set_to(&self, sid: impl fmt::Display) -> String {
        let Self { name, attributes } = self;
        if attributes.is_empty() { format!("{name}={sid}") } else { format!("{name}={sid}; {attributes}") }
    }
}

/// That a client is let in, and which headers its handshake is answered with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Welcome {
    pub(crate) headers: Vec<(String, String)>,
}

impl Welcome {
    /// The same with one more header. One of the same name does not replace it, so that there can be several cookies.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// That a client is not let in, and what it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    pub(crate) message: String,
}

impl Denial {
    /// A refusal in these words.
    #[must_use]
    pub fn new(message: &str) -> Self {
        Self { message: message.into() }
    }
}

impl Default for Denial {
    /// In the reference's word, "Forbidden".
    fn default() -> Self {
        Self::new(RequestError::Forbidden.message())
    }
}
