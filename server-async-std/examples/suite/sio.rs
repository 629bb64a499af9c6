//! The official Socket.IO suite: what is said comes back, as an event or as an ack.

use sanket::{
    AckId, Admission, App, BroadcastAckId, ConnectRequest, Effects, Emit, Event, Nsp, Reason, SocketId, Target,
};

/// How long answers are waited for.
const PATIENCE: u64 = 10_000;

#[derive(Debug, Default)]
pub(crate) struct Sio;

impl App for Sio {
    fn admit(&mut self, _: SocketId, connect: &ConnectRequest, _: &mut Effects<'_>) -> Admission {
        match connect.nsp.as_str() {
            "/" | "/custom" | "/echo" => Admission::Accept,
            _ => Admission::NoSuchNamespace,
        }
    }

    fn connect(&mut self, who: SocketId, connect: &ConnectRequest, fx: &mut Effects<'_>) {
        if connect.nsp.as_str() != "/echo" {
            let auth = Emit::new("auth").args_json(&*connect.auth).attachments(&connect.attachments);
            fx.send(Target::Socket(who), &auth);
        }
    }

    fn event(&mut self, who: SocketId, event: &Event, ack: Option<AckId>, fx: &mut Effects<'_>) {
        let (args, attachments) = (event.args_json(), event.attachments());
        let is_echo = fx.nsp(who).map(Nsp::as_str) == Some("/echo");
        match (&*event.name(), ack) {
            ("echo", Some(ack)) if is_echo => fx.ack_json(ack, args, attachments),
            _ if is_echo => {}
            ("message-with-ack", Some(ack)) => fx.ack_json(ack, args, attachments),
            ("message", _) => {
                fx.send(Target::Socket(who), &Emit::new("message-back").args_json(args).attachments(attachments));
            }
            ("emit-with-ack", _) => {
                let question = Emit::new("emit-with-ack").args_json(args).attachments(attachments);
                fx.emit_with_ack(Target::Socket(who), &question, PATIENCE);
            }
            _ => {}
        }
    }

    fn ack(&mut self, _: BroadcastAckId, who: SocketId, answer: &Event, fx: &mut Effects<'_>) {
        let (args, attachments) = (answer.args_json(), answer.attachments());
        fx.send(Target::Socket(who), &Emit::new("emit-with-ack").args_json(args).attachments(attachments));
    }

    fn disconnect(&mut self, _: SocketId, _: Reason, _: &mut Effects<'_>) {}
}
