//! The application's decision on a connect request.

use crate::frame::Revision;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString as _};
use serde::Serialize;

/// Whether a client is let into a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Admission {
    /// It is.
    Accept,
    /// It is not, for a reason that it is told.
    Refuse(ConnectError),
    /// There is no such namespace. The client is told "Invalid namespace".
    NoSuchNamespace,
    /// That will be said later, by [`Effects::decide`](crate::Effects::decide). Who has not been told after
    /// [`Config::connect_timeout`](crate::Config::connect_timeout) is refused; if it is in no other namespace either, its session
    /// ends, as in the reference.
    Later,
}

/// What a client is told that is not let into a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectError {
    message: Box<str>,
    data: Option<Box<str>>,
}

impl ConnectError {
    /// A refusal with a message: the client's `error.message`.
    #[must_use]
    pub fn new(message: &str) -> Self {
        Self { message: message.into(), data: None }
    }

    /// The same with more to say: the client's `error.data`. A value that can not be JSON is left out.
    #[must_use]
    pub fn with_data(mut self, data: &(impl Serialize + ?Sized)) -> Self {
        self.data = serde_json::to_string(data).ok().map(String::into_boxed_str);
        self
    }

    /// An object for clients of EIO=4. Those of EIO=3 get the data, or the message if there is none, as the reference has
    /// it.
    pub(crate) fn to_json(&self, revision: Revision) -> Box<str> {
        let message = serde_json::Value::from(&*self.message);
        match (revision, &self.data) {
            (Revision::V4, None) => format!(r#"{{"message":{message}}}"#).into(),
            (Revision::V4, Some(data)) => format!(r#"{{"message":{message},"data":{data}}}"#).into(),
            (Revision::V3, None) => message.to_string().into(),
            (Revision::V3, Some(data)) => data.clone(),
        }
    }
}
