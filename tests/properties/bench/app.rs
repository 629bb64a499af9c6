//! The application of these tests.

use bytes::Bytes;
use sanket::{
    AckId, Admission, App, BroadcastAckId, ConnectError, ConnectRequest, Effects, Emit, Event, Nsp, PreviousSocket,
    Reason, SocketId, Target,
};

/// Sends everything back. `echo` is emitted, and acked with its arguments; `all` goes to all sockets in the sender's
/// namespace, `ask` asks the sender, `out` disconnects it, `close` closes its connection. Namespaces: `/no` refuses, `/later`
/// is decided on by `admit`, and `/none` does not exist.
#[derive(Debug, Default)]
pub(crate) struct Echo {
    /// What happened to sockets, in order.
    pub(crate) told: Vec<String>,
    pub(crate) waiting: Vec<SocketId>,
}

impl App for Echo {
    fn admit(&mut self, who: SocketId, connect: &ConnectRequest, _: &mut Effects<'_>) -> Admission {
        self.told.push(format!("admit {} {}", connect.nsp, connect.auth));
        match connect.nsp.as_str() {
            "/no" => Admission::Refuse(ConnectError::new("not you").with_data(&[1, 2])),
            "/closed" => Admission::Refuse(ConnectError::new("closed")),
            "/later" => {
                self.waiting.push(who);
                Admission::Later
            }
            "/none" => Admission::NoSuchNamespace,
            _ => Admission::Accept,
        }
    }

    fn connect(&mut self, _: SocketId, connect: &ConnectRequest, _: &mut Effects<'_>) {
        let handshake = connect.handshake.as_ref().expect("the bench has one");
        self.told.push(format!("connect {} from {} {}", connect.nsp, handshake.address(), connect.revision.number()));
    }

    fn recover(&mut self, _: SocketId, previous: PreviousSocket, _: &ConnectRequest, _: &mut Effects<'_>) {
        self.told.push(format!("recover, connected: {}", previous.connected));
    }

    fn event(&mut self, who: SocketId, event: &Event, ack: Option<AckId>, fx: &mut Effects<'_>) {
        let nsp = fx.nsp(who).cloned().unwrap_or_default();
        match &*event.name() {
            "echo" => {
                let echo = Emit::new("echo").args_json(event.args_json()).attachments(event.attachments());
                fx.send(Target::Socket(who), &echo);
                if let Some(ack) = ack {
                    fx.ack_json(ack, event.args_json(), event.attachments());
                }
            }
            "all" => fx.send(Target::Namespace(&nsp), &Emit::new("all").args_json(event.args_json())),
            "volatile" => fx.send(Target::Namespace(&nsp), &Emit::new("volatile").volatile()),
            "ask" => {
                let question = [Bytes::from_static(b"?")];
                let ask = Emit::new("ask").args_json(r#"1,{"_placeholder":true,"num":0}"#).attachments(&question);
                fx.emit_with_ack(Target::Socket(who), &ask, 5_000);
            }
            "admit" => self.waiting.drain(..).for_each(|who| fx.decide(who, Admission::Accept)),
            "out" => fx.disconnect(who, false),
            "close" => fx.disconnect(who, true),
            _ => {}
        }
    }

    fn ack(&mut self, _: BroadcastAckId, _: SocketId, answer: &Event, _: &mut Effects<'_>) {
        self.told.push(format!("ack {} {:?}", answer.json(), answer.attachments()));
    }

    fn acks_done(&mut self, _: BroadcastAckId, missing: &[SocketId], _: &mut Effects<'_>) {
        self.told.push(format!("{} missing", missing.len()));
    }

    fn disconnect(&mut self, _: SocketId, reason: Reason, _: &mut Effects<'_>) {
        self.told.push(format!("disconnect: {reason}"));
    }
}

/// What the application was told since this was asked last.
pub(crate) fn told(bench: &sanket::testing::Bench<Echo>) -> Vec<String> {
    bench.app(|app| std::mem::take(&mut app.told))
}

/// Sends an event to all in a namespace.
pub(crate) fn tell(bench: &sanket::testing::Bench<Echo>, nsp: &str, name: &str, n: u32) {
    bench.apply(|_, fx| fx.emit(Target::Namespace(&Nsp::new(nsp)), name, &n));
}
