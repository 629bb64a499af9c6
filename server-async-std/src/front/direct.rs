//! Handlers that answer without the application: what is asked very often goes past http-types and tide, whose requests,
//! routes and boxed futures cost more than the answer. Knows paths; refuses to know what is asked there.
use super::answer::Answer;
use super::body::RequestBody;
use super::gate::Gate;
use super::head::Head;
use super::promise::Promise;
use super::reply::Asked;
use super::stream::Stream;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use tide::http::Url;
use tide::http::upgrade::Connection;

/// Something that answers requests for a path.
pub(crate) trait Direct: Send + Sync {
    /// Reads the head and begins. What follows is dropped as soon as the client goes.
    fn begin(&self, head: &Head<'_>, asking: Asking<'_>) -> Course;
}

/// A request beside its head.
pub(crate) struct Asking<'a> {
    pub(crate) peer: SocketAddr,
    pub(crate) stream: &'a Stream,
    /// Nothing if there is none.
    pub(crate) body: Option<RequestBody>,
    pub(super) gate: &'a Arc<Gate>,
    pub(super) asked: Asked,
}

impl Asking<'_> {
    /// The answer as something that others can send. Only for a request without a body: whoever reads a body may have to
    /// write before it.
    pub(crate) fn promise(&self) -> Promise {
        Promise::new(self.stream.clone(), self.gate.clone(), self.asked)
    }
}

/// How a request is answered.
pub(crate) enum Course {
    /// By this.
    Run(Pin<Box<dyn Future<Output = Outcome> + Send>>),
    /// By whoever keeps the promise.
    Wait(Arc<dyn Owed>),
}

/// A promise, and who is told if nobody waits for it any more.
pub(crate) trait Owed: Send + Sync {
    fn promise(&self) -> &Promise;

    /// The client has gone without its answer.
    fn gone(&self);
}

/// What an answer comes to.
pub(crate) enum Outcome {
    Answer(Answer),
    /// A 101, and what then becomes of the connection.
    Switch(Answer, Switched),
}

/// Speaks another protocol on a connection, to its end. The head of the 101 comes first, in one write with what is to be said
/// behind it.
pub(crate) type Switched = Box<dyn FnOnce(Connection, Vec<u8>) -> Onward + Send>;

/// The rest of a connection's life.
pub(crate) type Onward = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Handlers by path.
#[derive(Clone, Default)]
pub(super) struct Routes(Vec<(Box<str>, Arc<dyn Direct>)>);

impl Routes {
    /// `path` stands for itself, with and without a slash at its end. One that a URL would spell otherwise is never asked for.
    pub(super) fn add(&mut self, path: &str, handler: Arc<dyn Direct>) {
        let path = path.trim_end_matches('/');
        if Url::parse(&format!("http://a{path}/")).is_ok_and(|url| url.path().strip_suffix('/') == Some(path)) {
            self.0.push((path.into(), handler));
        }
    }

    /// Who answers this, if it can be told without a second reading: the application has its own for what is not plain.
    pub(super) fn find(&self, head: &Head<'_>) -> Option<&Arc<dyn Direct>> {
        let path = head.path();
        let path = path.strip_suffix('/').unwrap_or(path);
        let (_, handler) = self.0.iter().find(|(known, _)| **known == *path)?;
        head.is_plain().then_some(handler)
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(path, _)| path)).finish()
    }
}
