//! The test folder of socket.io-client 4.

use jiff::Timestamp;
use sanket::{
    AckId, Admission, App, BroadcastAckId, ConnectError, ConnectRequest, Effects, Emit, Event, Handshake, Nsp, Reason,
    SocketId, Target,
};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How long answers are waited for.
const PATIENCE: u64 = 10_000;
const UTF8: [&str; 5] = ["てすと", "Я Б Г Д Ж Й", "Ä ä Ü ü ß", "utf8 — string", "utf8 — string"];
const BYTES: &[u8] = b"asdfasdf";
/// An argument that is the first attachment.
const ATTACHED: &str = r#"{"_placeholder":true,"num":0}"#;

#[derive(Debug, Default)]
pub(crate) struct SioClient {
    sockets: BTreeMap<SocketId, Socket>,
}

#[derive(Debug)]
struct Socket {
    handshake: Option<Arc<Handshake>>,
    auth: Box<str>,
    /// How far it has come with events that must come in a row.
    buffers: usize,
    blobs: usize,
}

/// The reference's handshake object.
#[derive(Serialize)]
struct Greeting<'a> {
    time: String,
    #[serde(flatten)]
    handshake: Option<&'a Handshake>,
    auth: Option<&'a RawValue>,
}

impl Socket {
    fn greeting(&self) -> Greeting<'_> {
        let handshake = self.handshake.as_deref();
        let issued = handshake.and_then(|handshake| i64::try_from(handshake.issued()).ok()).unwrap_or_default();
        let time = Timestamp::from_millisecond(issued).unwrap_or_default().strftime("%a %b %d %Y %H:%M:%S GMT+0000");
        Greeting { time: time.to_string(), handshake, auth: serde_json::from_str(&self.auth).ok() }
    }
}

impl App for SioClient {
    fn admit(&mut self, _: SocketId, connect: &ConnectRequest, _: &mut Effects<'_>) -> Admission {
        let fails = || connect.handshake.as_ref().is_some_and(|handshake| handshake.query_value("fail").is_some());
        match connect.nsp.as_str() {
            "/" if fails() => Admission::Refuse(ConnectError::new("Auth failed (main namespace)")),
            "/no" => Admission::Refuse(ConnectError::new("Auth failed (custom namespace)")),
            "/" | "/foo" | "/timeout_socket" | "/valid" | "/asd" | "/abc" => Admission::Accept,
            _ => Admission::NoSuchNamespace,
        }
    }

    fn connect(&mut self, who: SocketId, connect: &ConnectRequest, fx: &mut Effects<'_>) {
        let (handshake, auth) = (connect.handshake.clone(), connect.auth.clone());
        let socket = Socket { handshake, auth, buffers: 0, blobs: 0 };
        if connect.nsp.as_str() == "/abc" {
            fx.emit(Target::Socket(who), "handshake", &socket.greeting());
        }
        self.sockets.insert(who, socket);
    }

    fn event(&mut self, who: SocketId, event: &Event, ack: Option<AckId>, fx: &mut Effects<'_>) {
        match fx.nsp(who).map(Nsp::as_str) {
            Some("/") => self.talk(who, event, ack, fx),
            Some("/foo") if event.name() == "getId" => acked(ack, &fx.id(who), fx),
            _ => {}
        }
    }

    fn ack(&mut self, _: BroadcastAckId, who: SocketId, answer: &Event, fx: &mut Effects<'_>) {
        let args: Value = answer.parse().unwrap_or_default();
        if args[0] == 5 && is_truthy(&args[1]["test"]) {
            say(who, "got it", fx);
        }
    }

    fn disconnect(&mut self, who: SocketId, _: Reason, _: &mut Effects<'_>) {
        self.sockets.remove(&who);
    }
}

impl SioClient {
    fn talk(&mut self, who: SocketId, event: &Event, ack: Option<AckId>, fx: &mut Effects<'_>) {
        let Some(socket) = self.sockets.get_mut(&who) else { return };
        let to = Target::Socket(who);
        let name = event.name();
        match &*name {
            "hi" => say(who, "hi", fx),
            "echo" => {
                if let Some(ack) = ack {
                    fx.ack_json(ack, event.first_arg().unwrap_or_default(), event.attachments());
                }
            }
            "ack" => drop(fx.emit_with_ack(to, &Emit::new("ack"), PATIENCE)),
            "getAckDate" => acked(ack, &iso(), fx),
            "getDate" => fx.emit(to, "takeDate", &iso()),
            "getDateObj" => fx.emit(to, "takeDateObj", &json!({ "date": iso() })),
            "getUtf8" => UTF8.iter().for_each(|text| fx.emit(to, "takeUtf8", text)),
            "false" => fx.emit(to, "false", &false),
            "doge" => fx.send(to, &Emit::new("doge").args_json(ATTACHED).attachments(&[BYTES.into()])),
            "getbin" => fx.send(to, &Emit::new("takebin").args_json(ATTACHED).attachments(&[BYTES.into()])),
            "getHandshake" => acked(ack, &socket.greeting(), fx),
            "getId" => acked(ack, &fx.id(who), fx),
            "buffa" if is_binary(event) => say(who, "buffack", fx),
            "blob" if is_binary(event) => say(who, "back", fx),
            "jsonbuff" if is_json_with_bytes(event) => say(who, "jsonbuff-ack", fx),
            "jsonblob" if is_json_with_bytes(event) => say(who, "jsonblob-ack", fx),
            "abuff1" if is_binary(event) => socket.buffers = 1,
            "abuff2" if socket.buffers == 1 => say(who, "abuff2-ack", fx),
            "blob1" if is_binary(event) => socket.blobs = 1,
            "blob2" if socket.blobs == 1 && event.args() == [r#""second""#] => socket.blobs = 2,
            "blob3" if socket.blobs == 2 && is_binary(event) => say(who, "blob3-ack", fx),
            _ => {}
        }
    }
}

fn say(who: SocketId, name: &str, fx: &mut Effects<'_>) {
    fx.send(Target::Socket(who), &Emit::new(name));
}

fn acked(ack: Option<AckId>, value: &impl Serialize, fx: &mut Effects<'_>) {
    if let Some(ack) = ack {
        fx.ack(ack, value);
    }
}

fn iso() -> String {
    format!("{:.3}", Timestamp::now())
}

fn is_truthy(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false)) && *value != "" && *value != 0
}

fn is_placeholder(value: &Value) -> bool {
    value["_placeholder"] == true
}

/// Whether the first argument is an attachment.
fn is_binary(event: &Event) -> bool {
    let first = event.first_arg().and_then(|json| serde_json::from_str(json).ok());
    !event.attachments().is_empty() && first.is_some_and(|value| is_placeholder(&value))
}

fn is_json_with_bytes(event: &Event) -> bool {
    let first: Value = event.first_arg().and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
    !event.attachments().is_empty()
        && first["hello"] == "lol"
        && is_placeholder(&first["message"])
        && first["goodbye"] == "gotcha"
}
