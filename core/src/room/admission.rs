//! The application's decision on a connect request.

use crate::frame::Revision;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString as _};
use serde::Serialize;

/// The application's decision on a connect request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Admission {
    /// The socket is connected.
    Accept,
    /// The socket is not connected. The client gets this error.
    Refuse(ConnectError),
    /// There is no such namespace. The client gets the error "Invalid namespace".
    NoSuchNamespace,
    /// The application decides later, by [`Effects::decide`](crate::Effects::decide). If it has not decided within
    /// [`Config::connect_timeout`](crate::Config::connect_timeout), the request is refused; the session ends if it is
    /// in no other namespace, as in the reference.
    Later,
}

/// Why a socket is not connected, for its client: a CONNECT_ERROR packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectError {
    message: Box<str>,
    data: Option<Box<str>>,
}

impl ConnectError {
    /// An error with this message, the client's `error.message`.
    #[must_use]
    pub fn new(message: &str) -> Self {
        Self { message: message.into(), data: None }
    }

    /// Adds data, the client's `error.data`. A value that cannot be JSON is left out.
    #[must_use]
    pub fn with_data(mut self, data: &(impl Serialize + ?Sized)) -> Self {
        self.data = serde_json::to_string(data).ok().map(String::into_boxed_str);
        self
    }

    /// The packet's data. EIO=4: an object with message and data. EIO=3: the data, or the message if there is no data,
    /// as in the reference.
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
