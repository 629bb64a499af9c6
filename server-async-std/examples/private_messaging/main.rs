//! The private messaging of the reference's examples: users, whose sessions survive a reload of the page, write to each other.
//!
//! `cargo run --release -p sanket-async-std --example private_messaging`, and the front end on <http://localhost:8080>.

#[path = "../serving/mod.rs"]
mod serving;
#[cfg(test)]
mod tests;

use indexmap::IndexMap;
use sanket::router::{Connecting, Cx, Error, Router};
use sanket::{ConnectError, Reason};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};

/// Sessions that are kept. Whoever needs one more is refused. The reference keeps any number.
const MAX_SESSIONS: usize = 10_000;
/// Messages that are kept. One more drops the oldest. The reference keeps any number.
const MAX_MESSAGES: usize = 10_000;

#[derive(Default)]
struct State {
    /// By their ids, the oldest first.
    sessions: IndexMap<String, User>,
    messages: VecDeque<Message>,
}

#[derive(Clone, Default, Serialize, Deserialize)]
struct User {
    #[serde(rename = "userID")]
    id: String,
    username: String,
    connected: bool,
}

/// Whose a socket is.
#[derive(Default, Serialize, Deserialize)]
struct Session {
    id: String,
    user: User,
}

#[derive(Serialize, Deserialize)]
struct Message {
    content: Value,
    /// Not what the client says.
    #[serde(skip_deserializing)]
    from: String,
    to: String,
}

/// A user as somebody else sees it: with what they wrote to each other.
#[derive(Serialize)]
struct Contact<'a> {
    #[serde(flatten)]
    user: &'a User,
    messages: Vec<&'a Message>,
}

fn app() -> Router<State, Session> {
    let mut io = Router::default();
    io.of("/").authorize(authorize).on_connect(connect).on("private message", send).on_disconnect(disconnect);
    io
}

fn authorize(cx: &mut Connecting<'_, State>, auth: Value) -> Result<Session, ConnectError> {
    if let Some((id, user)) = auth["sessionID"].as_str().and_then(|id| cx.state.sessions.get_key_value(id)) {
        return Ok(Session { id: id.clone(), user: User { connected: true, ..user.clone() } });
    }
    let username = auth["username"].as_str().filter(|name| !name.is_empty());
    let username = username.ok_or_else(|| ConnectError::new("invalid username"))?.to_owned();
    if cx.state.sessions.len() >= MAX_SESSIONS {
        return Err(ConnectError::new("too many users"));
    }
    Ok(Session { id: random_id()?, user: User { id: random_id()?, username, connected: true } })
}

fn random_id() -> Result<String, ConnectError> {
    let bits = getrandom::u64().map_err(|_| ConnectError::new("an unknown error has occurred"))?;
    Ok(format!("{bits:016x}"))
}

fn connect(cx: &mut Cx<'_, State, Session>) -> Result<(), Error> {
    let Session { id, user } = &*cx.data;
    cx.state.sessions.insert(id.clone(), user.clone());
    cx.emit("session", json!({ "sessionID": id, "userID": user.id }));
    cx.join(&user.id)?;
    let mut messages = BTreeMap::<_, Vec<_>>::new();
    for message in cx.state.messages.iter().filter(|Message { from, to, .. }| [from, to].contains(&&user.id)) {
        let other = if message.from == user.id { &message.to } else { &message.from };
        messages.entry(other).or_default().push(message);
    }
    let users = cx.state.sessions.values();
    let contact = |user| Contact { user, messages: messages.remove(&user.id).unwrap_or_default() };
    cx.emit("users", users.map(contact).collect::<Vec<_>>());
    cx.broadcast().emit("user connected", Contact { user, messages: Vec::new() });
    Ok(())
}

fn send(cx: &mut Cx<'_, State, Session>, mut message: Message) {
    message.from.clone_from(&cx.data.user.id);
    cx.to(&message.to).to(&message.from).emit("private message", &message);
    if cx.state.messages.len() == MAX_MESSAGES {
        cx.state.messages.pop_front();
    }
    cx.state.messages.push_back(message);
}

fn disconnect(cx: &mut Cx<'_, State, Session>, _: Reason) {
    let Session { id, user } = &*cx.data;
    if cx.io().to(&user.id).fetch_sockets().is_empty() {
        cx.broadcast().emit("user disconnected", &user.id);
        cx.state.sessions.insert(id.clone(), User { connected: false, ..user.clone() });
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    serving::serve(app(), "http://localhost:8080")
}
