//! The program itself as a process, and a client that speaks to it by hand.

use crate::support::{PATIENCE, sanket};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// A running program. It ends with this.
pub(crate) struct Program {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) admin: Option<SocketAddr>,
}

impl Program {
    pub(crate) fn start(args: &[&str]) -> Self {
        let mut child = sanket()
            .args(["--listen", "127.0.0.1", "--port", "0", "--log", "info"])
            .args(args)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let (sender, receiver) = mpsc::channel();
        // Read to the end, so that the program never waits for a full pipe.
        thread::spawn(move || lines.map_while(Result::ok).for_each(|line| drop(sender.send(line))));
        let (mut address, mut admin) = (None, None);
        let wants_admin = args.contains(&"--admin-listen");
        while address.is_none() || (wants_admin && admin.is_none()) {
            let line = receiver.recv_timeout(PATIENCE).expect("it says where it listens");
            let url = line.rsplit_once("http://").and_then(|(_, url)| url.parse().ok());
            if line.contains("/metrics") { admin = url } else { address = address.or(url) }
        }
        Self { child, address: address.expect("an address"), admin }
    }

    pub(crate) fn terminate(&self) {
        let status = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().expect("kill runs");
        assert!(status.success());
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        request(self.address, &format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"))
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> Answer {
        let length = body.len();
        request(
            self.address,
            &format!(
                "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
            ),
        )
    }

    /// The samples of `/metrics`, each with its labels as they are written. From the listener of their own, if there is one.
    pub(crate) fn metrics(&self) -> BTreeMap<String, f64> {
        let answer = match self.admin {
            Some(admin) => request(admin, "GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"),
            None => self.get("/metrics"),
        };
        crate::exposition::parse(&answer.body).samples
    }

    /// Waits until a sample of `/metrics` is what it should be.
    pub(crate) fn until(&self, sample: &str, is_right: impl Fn(f64) -> bool) {
        let end = Instant::now() + PATIENCE;
        loop {
            let is = self.metrics().get(sample).copied();
            if is.is_some_and(&is_right) {
                return;
            }
            assert!(Instant::now() < end, "{sample} is {is:?}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Opens a session by polling. Returns the path of its requests.
    pub(crate) fn open(&self, eio: u8) -> String {
        let path = format!("/socket.io/?EIO={eio}&transport=polling");
        let body = self.get(&path).body;
        let sid = after(&body, "\"sid\":\"");
        format!("{path}&sid={sid}")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What stands between `mark` and the next quotation mark.
pub(crate) fn after<'a>(text: &'a str, mark: &str) -> &'a str {
    let rest = text.split_once(mark).unwrap_or_else(|| panic!("no {mark} in {text}")).1;
    rest.split('"').next().unwrap_or_default()
}

/// A response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// Sends a request as it stands.
pub(crate) fn request(to: SocketAddr, text: &str) -> Answer {
    let mut stream = TcpStream::connect(to).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.write_all(text.as_bytes()).expect("it reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("it answers");
    let answer = String::from_utf8(answer).expect("text");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head in {answer}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let body =
        if head.to_ascii_lowercase().contains("transfer-encoding: chunked") { unchunked(body) } else { body.into() };
    Answer { status, head: head.to_ascii_lowercase(), body }
}

fn unchunked(mut rest: &str) -> String {
    let mut body = String::new();
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).expect("a size");
        body.push_str(&after[..size]);
        rest = after.get(size + 2..).unwrap_or_default();
    }
    body
}

/// A WebSocket, for short texts.
pub(crate) struct WebSocket(TcpStream);

impl WebSocket {
    /// Opens one: `path` has the query, but for the transport.
    pub(crate) fn open(program: &Program, path: &str) -> Self {
        let mut stream = TcpStream::connect(program.address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let path = path.replace("transport=polling", "transport=websocket");
        let head = format!(
            "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).expect("it reads");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("a head");
            head.push(byte[0]);
        }
        assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
        Self(stream)
    }

    /// Sends a text, with a mask that changes nothing.
    pub(crate) fn send(&mut self, text: &str) {
        let length = u8::try_from(text.len()).ok().filter(|length| *length < 126).expect("a short text");
        let frame = [&[0x81, 0x80 | length, 0, 0, 0, 0][..], text.as_bytes()].concat();
        self.0.write_all(&frame).expect("it reads");
    }

    /// The next text.
    pub(crate) fn receive(&mut self) -> String {
        let mut head = [0; 2];
        self.0.read_exact(&mut head).expect("a frame");
        let mut length = usize::from(head[1] & 0x7f);
        if length == 126 {
            let mut more = [0; 2];
            self.0.read_exact(&mut more).expect("a length");
            length = usize::from(u16::from_be_bytes(more));
        }
        let mut text = vec![0; length];
        self.0.read_exact(&mut text).expect("a text");
        String::from_utf8(text).expect("text")
    }

    /// The next text that contains `what`.
    pub(crate) fn receive_until(&mut self, what: &str) -> String {
        loop {
            let text = self.receive();
            if text.contains(what) {
                return text;
            }
        }
    }
}
