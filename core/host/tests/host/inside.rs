//! What the application does of its own accord: decides while it has the word, or panics while it decides.

use crate::bench::setup;
use sanket::Time;
use sanket::chat::{Chat, ChatConfig};
use sanket_host::host::{Driver, Host, Interest, Line, Setup, Socket};
use sanket_host::request::{AllowReply, Peer, RequestOptions, Welcome};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

const HANDSHAKE: &[u8] = b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n";

#[derive(Clone, Default)]
struct Calm(Arc<AtomicBool>);

impl Driver for Calm {
    fn now(&self) -> Time {
        Time::from_millis(1_700_000_000_000)
    }

    fn wake(&self) {}

    fn failed(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[derive(Default)]
struct Memory(Mutex<Vec<u8>>);

impl Socket for Memory {
    fn try_write(&self, bytes: &[u8], _last: bool) -> std::io::Result<usize> {
        self.0.lock().expect("nobody panics").extend(bytes);
        Ok(bytes.len())
    }

    fn wake(&self, _: Interest) {}
}

fn knock(host: &Host<Chat>) -> (Arc<Memory>, Line) {
    let memory = Arc::new(Memory::default());
    let line = host.accept(Peer::default(), memory.clone()).expect("there is room");
    host.turn().receive(&line, HANDSHAKE);
    (memory, line)
}

#[test]
fn a_client_is_let_in_while_the_application_has_the_word() {
    let waiting: Arc<Mutex<Vec<AllowReply>>> = Arc::default();
    let asked = waiting.clone();
    let options =
        RequestOptions::default().allow_request(move |_, reply| asked.lock().expect("nobody panics").push(reply));
    let host = Host::new(Chat::new(ChatConfig::default(), 7), Setup { options, ..setup() }, Calm::default());
    let (memory, _line) = knock(&host);
    let reply = waiting.lock().expect("nobody panics").pop().expect("it was asked");
    host.apply(move |_, _| reply.allow(Welcome::default())).expect("it is asked");
    let said = String::from_utf8(memory.0.lock().expect("nobody panics").clone()).expect("text");
    assert!(said.starts_with("HTTP/1.1 200 OK\r\n"), "{said}");
}

#[test]
fn whoever_decides_and_panics_is_the_application_that_has_panicked() {
    let options = RequestOptions::default().allow_request(|_, _| panic!("this is what the test is about"));
    let calm = Calm::default();
    let host = Host::new(Chat::new(ChatConfig::default(), 7), Setup { options, ..setup() }, calm.clone());
    let (_memory, _line) = knock(&host);
    assert!(host.has_failed());
    assert!(calm.0.load(Ordering::SeqCst), "the driver is told");
    // The thread goes on, and nobody else is let in.
    let (memory, _line) = knock(&host);
    let said = String::from_utf8(memory.0.lock().expect("nobody panics").clone()).expect("text");
    assert!(said.starts_with("HTTP/1.1 ") && !said.starts_with("HTTP/1.1 200"), "{said}");
}
