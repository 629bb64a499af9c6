//! What the router costs: the same application by hand and on the router.

use super::clients::Site;
use super::hot::again;
use sanket::driver::RawMessage;
use sanket::router::Router;
use sanket::{AckId, App, Config, ConnectRequest, Effects, Event, Nsp, Reason, SocketId, Target};
use serde::{Deserialize, Serialize};
use std::hint::black_box;

const SAY: &str = r#"4212["say",{"description":"hello, is anybody in here??"}]"#;
const TELL: &str = r#"42["tell",{"description":"hello, is anybody in here??"}]"#;
const ECHO: &str = r#"4212["echo",{"description":"hello, is anybody in here??"}]"#;

#[derive(Serialize, Deserialize)]
struct Message {
    description: String,
}

#[derive(Serialize)]
struct Said {
    ok: bool,
    id: u64,
}

#[derive(Debug, Default)]
struct ByHand {
    last: u64,
}

impl App for ByHand {
    fn connect(&mut self, _: SocketId, _: &ConnectRequest, _: &mut Effects<'_>) {}

    fn event(&mut self, _: SocketId, event: &Event, ack: Option<AckId>, fx: &mut Effects<'_>) {
        let message = || serde_json::from_str::<Message>(event.first_arg().unwrap_or("null"));
        match &*event.name() {
            "say" => {
                if let Ok(message) = message() {
                    black_box(message);
                    self.last += 1;
                    if let Some(ack) = ack {
                        fx.ack(ack, &Said { ok: true, id: self.last });
                    }
                }
            }
            "tell" => {
                if let Ok(message) = message() {
                    fx.emit(Target::Namespace(&Nsp::ROOT), "told", &message);
                }
            }
            "echo" => {
                if let Some(ack) = ack {
                    fx.ack_json(ack, event.args_json(), event.attachments());
                }
            }
            _ => {}
        }
    }

    fn disconnect(&mut self, _: SocketId, _: Reason, _: &mut Effects<'_>) {}
}

fn on_the_router() -> Router<u64> {
    let mut io = Router::<u64>::default();
    io.of("/")
        .on("say", |cx, message: Message| {
            black_box(message);
            *cx.state += 1;
            Ok(Said { ok: true, id: *cx.state })
        })
        .on("tell", |cx, message: Message| cx.io().emit("told", message))
        .on_event("echo", |cx, event| cx.ack_event(event));
    io
}

pub(super) fn work() {
    measure("by hand", ByHand::default());
    measure("on the router", on_the_router());
}

fn measure(how: &str, app: impl App) {
    let mut site = Site::of(app, Config::default());
    let client = site.join();
    for (what, event) in [("a typed event and its ack", SAY), ("a typed event for all", TELL), ("an echo", ECHO)] {
        again(&format!("{what}, {how}"), || site.say(client, RawMessage::Text(black_box(event))));
    }
}
