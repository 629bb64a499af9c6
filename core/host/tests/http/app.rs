//! A small application, one path for each thing that an application may do with a request.
use bytes::Bytes;
use http::StatusCode;
use sanket::Time;
use sanket::driver::WsMessage;
use sanket_host::http::{Body, Connection, Head, Message, Response, Ticket};

/// What was read of a head.
#[derive(Debug)]
pub(crate) struct Request {
    ticket: Ticket,
    method: String,
    path: String,
    words: String,
}

#[derive(Debug)]
enum Doing {
    Echo(Vec<u8>),
    /// Reads the body, then waits for ever.
    Park,
    Stream,
    Gate,
    /// Bytes still to be sent.
    Big(usize),
    /// A response in pieces that the test itself sends.
    Pieces,
}

#[derive(Debug)]
pub(crate) struct App {
    pub(crate) calls: usize,
    doing: Option<(Ticket, Doing)>,
    /// How often a writer was told that there is room.
    pub(crate) told: usize,
    /// What `switch` has returned.
    pub(crate) switched: Vec<bool>,
    /// What `room` was whenever a piece of `/big` was handed over.
    pub(crate) rooms: Vec<usize>,
    pub(crate) echoes: bool,
    pub(crate) max_message: usize,
}

impl Default for App {
    fn default() -> Self {
        Self {
            calls: 0,
            doing: None,
            told: 0,
            switched: Vec::new(),
            rooms: Vec::new(),
            echoes: true,
            max_message: 100_000,
        }
    }
}

pub(crate) const BIG: usize = 1 << 20;

pub(crate) fn text(body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(StatusCode::OK);
    response.body = body.into();
    response
}

impl App {
    pub(crate) fn read(head: &Head<'_>, ticket: Ticket) -> Request {
        let values: Vec<_> = head.values("x").map(|value| value.escape_ascii().to_string()).collect();
        let words = format!("{} {} {} {values:?}", head.host(), head.path(), head.query());
        Request { ticket, method: head.method().to_string(), path: head.path().to_owned(), words }
    }

    pub(crate) fn begin(&mut self, connection: &mut Connection, request: Request, now: Time) {
        let Request { ticket, method, path, words } = request;
        self.calls += 1;
        assert!(self.doing.is_none(), "one request at a time");
        let doing = match (&*path, &*method) {
            ("/", _) => return connection.respond(ticket, &text("hello"), now),
            ("/values", _) => return connection.respond(ticket, &text(words), now),
            ("/ignore", _) => return connection.respond(ticket, &text("ignored"), now),
            ("/closes", _) => {
                let mut response = text("closed");
                response.closes = true;
                return connection.respond(ticket, &response, now);
            }
            ("/nothing", _) => return connection.respond(ticket, &Response::new(StatusCode::NO_CONTENT), now),
            ("/early", _) => return connection.respond(ticket, &Response::new(StatusCode::EARLY_HINTS), now),
            ("/chunks", _) => {
                connection.respond_head(ticket, &Response::new(StatusCode::OK), None, now);
                connection.respond_body(ticket, b"stream", now);
                connection.respond_body(ticket, b"", now);
                connection.respond_body(ticket, b"ed", now);
                return connection.respond_end(ticket, now);
            }
            ("/short" | "/long", _) => {
                connection.respond_head(ticket, &Response::new(StatusCode::OK), Some(10), now);
                connection.respond_body(ticket, if path == "/short" { b"short" } else { b"longer than ten" }, now);
                return connection.respond_end(ticket, now);
            }
            ("/abort", _) => {
                connection.respond_head(ticket, &Response::new(StatusCode::OK), None, now);
                connection.respond_body(ticket, b"half", now);
                return connection.abort(ticket, now);
            }
            ("/upgrade", _) => {
                let mut response = Response::new(StatusCode::SWITCHING_PROTOCOLS);
                response.add("upgrade", "websocket");
                let switched = connection.switch(ticket, &response, self.max_message, now);
                return self.switched.push(switched);
            }
            ("/big", _) => {
                connection.respond_head(ticket, &Response::new(StatusCode::OK), Some(BIG as u64), now);
                self.doing = Some((ticket, Doing::Big(BIG)));
                return self.writable(connection, ticket, now);
            }
            ("/stream", _) => {
                connection.respond_head(ticket, &Response::new(StatusCode::OK), None, now);
                Doing::Stream
            }
            ("/echo", "POST" | "PUT") => Doing::Echo(Vec::new()),
            ("/park", _) => Doing::Park,
            ("/wait", _) => {
                self.doing = Some((ticket, Doing::Gate));
                return;
            }
            ("/gate", _) => Doing::Gate,
            ("/pieces", _) => Doing::Pieces,
            _ => return connection.respond(ticket, &Response::new(StatusCode::NOT_FOUND), now),
        };
        self.doing = Some((ticket, doing));
        self.body(connection, ticket, now);
    }

    pub(crate) fn body(&mut self, connection: &mut Connection, ticket: Ticket, now: Time) {
        let Some((current, doing)) = &mut self.doing else { panic!("an event of no request") };
        assert_eq!(*current, ticket);
        let mut data = Vec::new();
        loop {
            let end = match connection.read_body(ticket, &mut data, 1_000, now) {
                Body::Data(n) => {
                    assert!(n == data.len() && n <= 1_000);
                    false
                }
                Body::End => true,
                Body::More | Body::Gone => return,
            };
            match doing {
                Doing::Echo(all) => {
                    all.append(&mut data);
                    if end {
                        let response = text(std::mem::take(all));
                        self.doing = None;
                        return connection.respond(ticket, &response, now);
                    }
                }
                Doing::Stream => {
                    connection.respond_body(ticket, &data, now);
                    if end {
                        self.doing = None;
                        return connection.respond_end(ticket, now);
                    }
                }
                Doing::Park | Doing::Gate | Doing::Big(_) | Doing::Pieces => {}
            }
            if end {
                return;
            }
            data.clear();
        }
    }

    pub(crate) fn writable(&mut self, connection: &mut Connection, ticket: Ticket, now: Time) {
        let Some((_, Doing::Big(left))) = &mut self.doing else { return };
        while *left > 0 {
            let room = connection.room().min(*left);
            if room == 0 {
                return;
            }
            self.rooms.push(connection.room());
            connection.respond_body(ticket, &vec![b'x'; room], now);
            *left -= room;
        }
        self.doing = None;
        connection.respond_end(ticket, now);
    }

    pub(crate) fn gone(&mut self, ticket: Ticket) {
        assert!(
            self.doing.take_if(|(current, _)| *current == ticket).is_some(),
            "{ticket:?} is unknown or was answered"
        );
    }

    /// The request that waits.
    pub(crate) fn waiting(&self) -> Option<Ticket> {
        self.doing.as_ref().map(|(ticket, _)| *ticket)
    }

    /// Lets what waits at the gate pass.
    pub(crate) fn pass(&mut self, connection: &mut Connection, now: Time) -> bool {
        let at_gate = self.doing.take_if(|(_, doing)| matches!(doing, Doing::Gate | Doing::Pieces));
        let Some((ticket, _)) = at_gate else { return false };
        connection.respond(ticket, &text("passed"), now);
        true
    }

    /// The request that waits is the test's to answer.
    pub(crate) fn take(&mut self) -> Ticket {
        self.doing.take().expect("a request that waits").0
    }

    pub(crate) fn echo(message: &Message) -> WsMessage {
        match message {
            Message::Text(text) => WsMessage::Text(text.clone().into()),
            Message::Binary(bytes) => WsMessage::Binary(bytes.clone()),
        }
    }
}
