//! Engine.IO alone: the official suites, and the test folder of engine.io-client 6.

use sanket::{App, ConnectRequest, Effects, Handshake, Message, Reason, SocketId, Target};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Sends everything back.
#[derive(Debug, Default)]
pub(crate) struct Echo;

impl App for Echo {
    fn connect(&mut self, _: SocketId, _: &ConnectRequest, _: &mut Effects<'_>) {}

    fn message(&mut self, who: SocketId, message: &Message, fx: &mut Effects<'_>) {
        echo(who, message, fx);
    }

    fn disconnect(&mut self, _: SocketId, _: Reason, _: &mut Effects<'_>) {}
}

fn echo(who: SocketId, message: &Message, fx: &mut Effects<'_>) {
    match message {
        Message::Text(text) => fx.send_text(Target::Socket(who), text),
        Message::Binary(data) => fx.send_binary(Target::Socket(who), data.clone()),
    }
}

/// The headers of the last POST of each session, by its id, as JSON.
type Headers = Arc<Mutex<HashMap<String, String>>>;

/// Sends everything back, but for what it has a special answer to.
#[derive(Debug, Default)]
pub(crate) struct Talk {
    headers: Headers,
}

impl Talk {
    /// Takes down the headers of POSTs.
    pub(crate) fn on_request(&self) -> impl Fn(&str, &Handshake) + Send + Sync + 'static {
        let posts = self.headers.clone();
        move |method, request| {
            if let ("POST", Some(sid)) = (method, request.query_value("sid")) {
                let headers: serde_json::Map<_, _> =
                    request.headers().map(|(name, value)| (name.to_owned(), value.into())).collect();
                let json = serde_json::Value::from(headers).to_string();
                posts.lock().unwrap_or_else(PoisonError::into_inner).insert(sid.into_owned(), json);
            }
        }
    }
}

impl App for Talk {
    fn connect(&mut self, who: SocketId, _: &ConnectRequest, fx: &mut Effects<'_>) {
        fx.send_text(Target::Socket(who), "hi");
    }

    fn message(&mut self, who: SocketId, message: &Message, fx: &mut Effects<'_>) {
        let to = Target::Socket(who);
        match message {
            Message::Text(text) if &**text == "give binary" => fx.send_binary(to, vec![0, 1, 2, 3, 4].into()),
            Message::Text(text) if &**text == "give utf8" => fx.send_text(to, "пойду спать всем спокойной ночи"),
            Message::Text(text) if &**text == "sendHeaders" => {
                let headers = self.headers.lock().unwrap_or_else(PoisonError::into_inner);
                let json = fx.id(who).and_then(|sid| headers.get(&sid).cloned());
                fx.send_text(to, &json.unwrap_or_default());
            }
            message => echo(who, message, fx),
        }
    }

    fn disconnecting(&mut self, who: SocketId, _: Reason, fx: &mut Effects<'_>) {
        if let Some(sid) = fx.id(who) {
            self.headers.lock().unwrap_or_else(PoisonError::into_inner).remove(&sid);
        }
    }

    fn disconnect(&mut self, _: SocketId, _: Reason, _: &mut Effects<'_>) {}
}
