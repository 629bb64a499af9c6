//! The decision of an application whether a client may open a session, and the reply that carries it.

use sanket::driver::RequestError;
use std::fmt;

/// A client may open a session; its handshake is answered with these headers besides the usual ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Welcome {
    pub(crate) headers: Vec<(String, String)>,
}

impl Welcome {
    /// Adds a header. One of the same name stays, so that there can be several cookies. What is no valid header is dropped
    /// when the response is made.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// A client may not open a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    pub(crate) message: String,
}

impl Denial {
    /// A denial with a message for the client.
    #[must_use]
    pub fn new(message: &str) -> Self {
        Self { message: message.into() }
    }
}

impl Default for Denial {
    /// With the reference's message, "Forbidden".
    fn default() -> Self {
        Self::new(RequestError::Forbidden.message())
    }
}

/// What [`AllowReply`] hands a decision to.
type Decide = Box<dyn FnOnce(Result<Welcome, Denial>) + Send>;

/// The reply to [`RequestOptions::allow_request`](super::RequestOptions::allow_request). It can be given at once, or later from any thread. A reply
/// that is dropped denies.
pub struct AllowReply(Option<Decide>);

impl AllowReply {
    /// A reply that calls `decide` with the decision, once.
    #[must_use]
    pub fn new(decide: Box<dyn FnOnce(Result<Welcome, Denial>) + Send>) -> Self {
        Self(Some(decide))
    }

    /// The client may open a session.
    pub fn allow(self, welcome: Welcome) {
        self.send(Ok(welcome));
    }

    /// The client may not open a session. It is answered 403 with code 4, and over WebSocket 400, as the reference does.
    pub fn deny(self, denial: Denial) {
        self.send(Err(denial));
    }

    fn send(mut self, decision: Result<Welcome, Denial>) {
        if let Some(decide) = self.0.take() {
            decide(decision);
        }
    }
}

impl Drop for AllowReply {
    fn drop(&mut self) {
        if let Some(decide) = self.0.take() {
            decide(Err(Denial::default()));
        }
    }
}

impl fmt::Debug for AllowReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AllowReply").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn a_reply_is_given_once_and_denies_when_dropped() {
        let (sender, decisions) = channel();
        let reply = || {
            let sender = sender.clone();
            AllowReply::new(Box::new(move |decision| sender.send(decision).expect("the test listens")))
        };
        let welcome = Welcome::default().header("x-a", "1").header("x-a", "2");
        reply().allow(welcome.clone());
        reply().deny(Denial::new("no"));
        drop(reply());
        std::thread::spawn({
            let reply = reply();
            move || reply.allow(Welcome::default())
        })
        .join()
        .expect("the thread replies");
        drop(sender);
        let expected = [Ok(welcome), Err(Denial::new("no")), Err(Denial::new("Forbidden")), Ok(Welcome::default())];
        assert_eq!(decisions.into_iter().collect::<Vec<_>>(), expected);
    }
}
