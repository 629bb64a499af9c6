//! A kind of our own: rooms, acks, data, admission and recovery, on `/` and on every `/dynamic-<digits>`. Nothing is emitted
//! on connection; every event but `out` is acked. What the events do is written down beside the same server on the
//! reference, in `tests/clients/support/reference-socket.mjs`.

use bytes::Bytes;
use sanket::{
    AckId, Admission, App, BroadcastAckId, BroadcastOptions, ConnectError, ConnectRequest, Effects, Emit, Event, Nsp,
    Reason, SocketId, Target, Time,
};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};

/// Ends that are told of.
const REASONS_KEPT: usize = 20;

#[derive(Debug, Default)]
pub(crate) struct Rooms {
    waiting: Vec<(Time, SocketId)>,
    reasons: BTreeMap<Nsp, VecDeque<(String, String)>>,
    asks: BTreeMap<BroadcastAckId, Question>,
}

/// A question whose answers are collected for somebody.
#[derive(Debug)]
struct Question {
    ack: Option<AckId>,
    alone: bool,
    answers: Vec<String>,
    /// Those of the last answer.
    attachments: Vec<Bytes>,
}

/// How something is to be sent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct How {
    rooms: Vec<String>,
    except: Vec<String>,
    broadcast: bool,
    volatile: bool,
    timeout: u64,
}

/// What a client may say of itself when it connects.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Auth<'a> {
    /// True, or in a query any text.
    refuse: Value,
    #[serde(borrow, deserialize_with = "present")]
    data: Option<&'a RawValue>,
    /// A number; in a query, text.
    later: Value,
}

/// `null` too.
fn present<'de, D: Deserializer<'de>>(value: D) -> Result<Option<&'de RawValue>, D::Error> {
    Deserialize::deserialize(value).map(Some)
}

impl App for Rooms {
    fn admit(&mut self, who: SocketId, connect: &ConnectRequest, fx: &mut Effects<'_>) -> Admission {
        let digits = connect.nsp.as_str().strip_prefix("/dynamic-");
        let is_dynamic = digits.is_some_and(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit()));
        if !connect.nsp.is_root() && !is_dynamic {
            return Admission::NoSuchNamespace;
        }
        let auth: Auth<'_> = serde_json::from_str(&connect.auth).unwrap_or_default();
        if !matches!(auth.refuse, Value::Null | Value::Bool(false)) {
            let refusal = ConnectError::new("refused");
            return Admission::Refuse(match auth.data {
                Some(data) => refusal.with_data(data),
                None => refusal,
            });
        }
        let later = auth.later.as_u64().or_else(|| auth.later.as_str()?.parse().ok());
        match later {
            Some(millis) => {
                let at = fx.now().after(millis);
                self.waiting.push((at, who));
                fx.wake_at(at);
                Admission::Later
            }
            None => Admission::Accept,
        }
    }

    fn wake(&mut self, fx: &mut Effects<'_>) {
        let now = fx.now();
        self.waiting.retain(|(at, who)| {
            if *at <= now {
                fx.decide(*who, Admission::Accept);
            } else {
                fx.wake_at(*at);
            }
            *at > now
        });
    }

    fn connect(&mut self, _: SocketId, _: &ConnectRequest, _: &mut Effects<'_>) {}

    fn event(&mut self, who: SocketId, event: &Event, ack: Option<AckId>, fx: &mut Effects<'_>) {
        let Some(nsp) = fx.nsp(who).cloned() else { return };
        let args = event.args();
        let text =
            |n: usize| args.get(n).and_then(|json| serde_json::from_str::<String>(json).ok()).unwrap_or_default();
        let flag = |n: usize| args.get(n) == Some(&"true");
        let names = |n: usize| -> Vec<String> {
            args.get(n).and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default()
        };
        let answer = match &*event.name() {
            "id" => json!(fx.id(who)),
            "count" => json!(fx.count(&nsp)),
            "namespaces" => {
                let names = fx.namespaces().into_iter().map(Nsp::as_str).filter(|name| name.starts_with("/dynamic-"));
                json!(names.collect::<Vec<_>>())
            }
            "join" => json!(fx.join(who, &text(0)).is_ok()),
            "leave" => {
                fx.leave(who, &text(0));
                json!(true)
            }
            "rooms" => json!(rooms_of(who, fx)),
            "set" => {
                let value: Option<&RawValue> = args.first().and_then(|json| serde_json::from_str(json).ok());
                fx.set_data(who, &json!({ "value": value }));
                json!(true)
            }
            "get" => data_of(who, fx)["value"].take(),
            "send" => {
                let how = how(&args);
                send(who, &nsp, &how, event, fx);
                json!(true)
            }
            "ask" | "askme" => {
                self.ask(who, &nsp, event, ack, fx);
                return;
            }
            "fetch" => fetch(&nsp, &names(0), fx),
            "joinall" => json!(among(&nsp, &names(0), |all| fx.sockets_join(all, &text(1))) == 0),
            "leaveall" => {
                among(&nsp, &names(0), |all| fx.sockets_leave(all, &text(1)));
                json!(true)
            }
            "disconnectall" => {
                reply(ack, &json!(true), fx);
                among(&nsp, &names(0), |all| fx.disconnect_sockets(all, flag(1)));
                return;
            }
            "out" => return fx.disconnect(who, flag(0)),
            "reasons" => json!(self.reasons.get(&nsp).cloned().unwrap_or_default()),
            "recovered" => json!(fx.was_recovered(who)),
            _ => return,
        };
        reply(ack, &answer, fx);
    }

    fn ack(&mut self, ask: BroadcastAckId, _: SocketId, answer: &Event, _: &mut Effects<'_>) {
        if let Some(question) = self.asks.get_mut(&ask) {
            question.answers.push(answer.first_arg().unwrap_or("null").into());
            question.attachments = answer.attachments().to_vec();
        }
    }

    fn acks_done(&mut self, ask: BroadcastAckId, silent: &[SocketId], fx: &mut Effects<'_>) {
        let Some(Question { ack, alone, mut answers, attachments }) = self.asks.remove(&ask) else { return };
        answers.sort();
        let json = match (alone, answers.first()) {
            (true, Some(answer)) => format!(r#"{{"answer":{answer}}}"#),
            (true, None) => r#"{"timedOut":true}"#.into(),
            (false, _) => format!(r#"{{"answers":[{}],"timedOut":{}}}"#, answers.join(","), !silent.is_empty()),
        };
        if let Some(ack) = ack {
            fx.ack_json(ack, &json, if alone { &attachments } else { &[] });
        }
    }

    fn disconnecting(&mut self, who: SocketId, reason: Reason, fx: &mut Effects<'_>) {
        if let (Some(nsp), Some(id)) = (fx.nsp(who).cloned(), fx.id(who)) {
            let reasons = self.reasons.entry(nsp).or_default();
            if reasons.len() == REASONS_KEPT {
                reasons.pop_front();
            }
            reasons.push_back((id, reason.to_string()));
        }
    }

    fn disconnect(&mut self, _: SocketId, _: Reason, fx: &mut Effects<'_>) {
        // What is said of a namespace goes with it.
        let named: Vec<Nsp> = fx.namespaces().into_iter().cloned().collect();
        self.reasons.retain(|nsp, _| nsp.is_root() || named.contains(nsp));
    }
}

impl Rooms {
    fn ask(&mut self, who: SocketId, nsp: &Nsp, event: &Event, ack: Option<AckId>, fx: &mut Effects<'_>) {
        let args = event.args();
        let how = how(&args);
        let question = Emit::new("question").args_json(args.get(1..).unwrap_or_default().join(","));
        let question = question.attachments(event.attachments());
        let alone = event.name() == "askme";
        let ask = if alone {
            fx.emit_with_ack(Target::Socket(who), &question, how.timeout)
        } else {
            with(nsp, &how.rooms, &how.except, &[], |target| fx.emit_with_ack(target, &question, how.timeout))
        };
        self.asks.insert(ask, Question { ack, alone, answers: Vec::new(), attachments: Vec::new() });
    }
}

fn how(args: &[&str]) -> How {
    args.first().and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default()
}

fn reply(ack: Option<AckId>, answer: &Value, fx: &mut Effects<'_>) {
    if let Some(ack) = ack {
        fx.ack(ack, answer);
    }
}

fn send(who: SocketId, nsp: &Nsp, how: &How, event: &Event, fx: &mut Effects<'_>) {
    let args = event.args();
    let name = args.get(1).and_then(|json| serde_json::from_str::<String>(json).ok()).unwrap_or_default();
    let args = args.get(2..).unwrap_or_default().join(",");
    let mut emit = Emit::new(&name).args_json(&args).attachments(event.attachments());
    if how.volatile {
        emit = emit.volatile();
    }
    let except = if how.broadcast { &[who][..] } else { &[] };
    with(nsp, &how.rooms, &how.except, except, |target| fx.send(target, &emit));
}

fn fetch(nsp: &Nsp, rooms: &[String], fx: &Effects<'_>) -> Value {
    let everybody = among(nsp, rooms, |all| fx.fetch_sockets(all));
    let mut found: Vec<(Option<String>, Value)> = everybody
        .into_iter()
        .map(|who| (fx.id(who), json!({ "id": fx.id(who), "rooms": rooms_of(who, fx), "data": data_of(who, fx) })))
        .collect();
    found.sort_by(|one, other| one.0.cmp(&other.0));
    found.into_iter().map(|(_, value)| value).collect()
}

fn data_of(who: SocketId, fx: &Effects<'_>) -> Value {
    fx.data(who).and_then(|json| serde_json::from_str(json).ok()).unwrap_or_else(|| json!({}))
}

fn rooms_of(who: SocketId, fx: &Effects<'_>) -> Vec<String> {
    let mut rooms: Vec<String> = fx.rooms(who).into_iter().map(String::from).collect();
    rooms.sort();
    rooms
}

/// Everybody in one of `rooms`.
fn among<R>(nsp: &Nsp, rooms: &[String], work: impl FnOnce(Target<'_>) -> R) -> R {
    with(nsp, rooms, &[], &[], work)
}

fn with<R>(
    nsp: &Nsp,
    rooms: &[String],
    except_rooms: &[String],
    except: &[SocketId],
    work: impl FnOnce(Target<'_>) -> R,
) -> R {
    let rooms: Vec<&str> = rooms.iter().map(String::as_str).collect();
    let except_rooms: Vec<&str> = except_rooms.iter().map(String::as_str).collect();
    work(Target::Broadcast(BroadcastOptions { nsp, rooms: &rooms, except_rooms: &except_rooms, except }))
}
