//! Several threads at once: whoever lets the hub speak sends what it says, shares a long list with others, and holds nobody up.

use crate::bench::{UPGRADE, frame, setup};
use sanket::{AckId, App, ConnectRequest, Effects, Emit, Event, Nsp, Reason, SocketId, Target, Time};
use sanket_host::host::application::Request;
use sanket_host::host::crew::SHARE;
use sanket_host::host::{Driver, Host, Interest, Line, Setup, Socket};
use sanket_host::request::Peer;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// For what would never come if the test failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Tells everybody what anybody says.
struct Crowd;

impl App for Crowd {
    fn connect(&mut self, _: SocketId, _: &ConnectRequest, _: &mut Effects<'_>) {}

    fn event(&mut self, _: SocketId, event: &Event, _: Option<AckId>, fx: &mut Effects<'_>) {
        fx.send(Target::Namespace(&Nsp::new("/")), &Emit::new("said").args_json(event.args()[0].to_owned()));
    }

    fn disconnect(&mut self, _: SocketId, _: Reason, _: &mut Effects<'_>) {}
}

/// What the driver of these tests is asked for.
#[derive(Default)]
struct Calls {
    offers: Mutex<Vec<usize>>,
    /// What is offered is waited for to be taken, in part, by another thread.
    shares: Mutex<Option<(Sender<()>, Receiver<bool>)>>,
    /// Where a request says that it is there, and what it waits for.
    blocks: Mutex<Option<(Sender<()>, Receiver<()>)>>,
}

impl Driver for Calls {
    fn now(&self) -> Time {
        Time::from_millis(1_700_000_000_000)
    }

    fn wake(&self) {}

    fn failed(&self) {}

    fn offer(&self, sends: usize) {
        self.offers.lock().unwrap().push(sends);
        // Not as it goes on.
        if sends > SHARE
            && let Some((offered, taken)) = &*self.shares.lock().unwrap()
            && offered.send(()).is_ok()
        {
            assert!(taken.recv_timeout(PATIENCE).expect("it has looked"), "there was nothing to be taken");
        }
    }

    fn request(&self, request: Request) {
        let blocks = self.blocks.lock().unwrap().take();
        let (is_there, goes_on) = blocks.expect("one request");
        is_there.send(()).expect("the test");
        goes_on.recv_timeout(PATIENCE).expect("the test lets it go on");
        request.not_found();
    }
}

/// What a client has got, and the threads that have written it.
#[derive(Debug, Default)]
struct Memory(Mutex<(Vec<u8>, Vec<thread::ThreadId>)>);

impl Socket for Memory {
    fn try_write(&self, bytes: &[u8], _last: bool) -> std::io::Result<usize> {
        let mut memory = self.0.lock().unwrap();
        memory.0.extend_from_slice(bytes);
        memory.1.push(thread::current().id());
        Ok(bytes.len())
    }

    fn wake(&self, _: Interest) {}
}

struct Client {
    line: Line,
    socket: Arc<Memory>,
}

impl Client {
    /// What was said to it: numbers.
    fn heard(&self) -> Vec<usize> {
        let bytes = &self.socket.0.lock().unwrap().0;
        let text = String::from_utf8_lossy(bytes);
        let numbers = text.split(r#"42["said",""#).skip(1).map(|rest| rest.split('"').next().unwrap_or_default());
        numbers.map(|number| number.parse().expect("a number")).collect()
    }

    fn writers(&self) -> Vec<thread::ThreadId> {
        self.socket.0.lock().unwrap().1.clone()
    }
}

fn host(shards: usize) -> (Host<Crowd>, Arc<Calls>) {
    let calls = Arc::new(Calls::default());
    let next = AtomicU64::new(0);
    let fill = move |bytes: &mut [u8]| {
        for chunk in bytes.chunks_mut(8) {
            let n = next.fetch_add(1, Ordering::SeqCst).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            chunk.copy_from_slice(&n.to_le_bytes()[..chunk.len()]);
        }
        true
    };
    let setup = Setup { shards, fill: Box::new(fill), ..setup() };
    (Host::new(Crowd, setup, calls.clone()), calls)
}

fn join(host: &Host<Crowd>, count: usize) -> Vec<Client> {
    let join = |_| {
        let socket = Arc::new(Memory::default());
        let line = host.accept(Peer::default(), socket.clone()).expect("there is room");
        host.turn().receive(&line, UPGRADE.as_bytes());
        host.turn().receive(&line, &frame("40"));
        Client { line, socket }
    };
    let clients: Vec<_> = (0..count).map(join).collect();
    assert_eq!(host.sessions(), count);
    clients
}

fn says(number: usize) -> Vec<u8> {
    frame(&format!(r#"42["say","{number}"]"#))
}

/// What turns have left is due at once.
fn see_to_what_is_left(host: &Host<Crowd>) {
    while host.assist() || host.poll_timeout().is_some_and(|due| due == Time::default()) {
        host.handle_timeout();
    }
}

#[test]
fn what_many_threads_say_reaches_everybody_once_and_in_order() {
    const SENDERS: usize = 4;
    const EACH: usize = 40;
    let (host, calls) = host(SENDERS);
    let clients = join(&host, 2 * SHARE);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let assistants = [(); 2].map(|()| {
            scope.spawn(|| {
                while !is_over.load(Ordering::SeqCst) {
                    if !host.assist() {
                        thread::yield_now();
                    }
                }
            })
        });
        let senders = [0, 1, 2, 3].map(|sender| {
            let (host, line) = (&host, &clients[sender].line);
            scope.spawn(move || {
                for n in 0..EACH {
                    host.turn().receive(line, &says(sender * EACH + n));
                }
            })
        });
        senders.into_iter().for_each(|sender| sender.join().expect("it does not panic"));
        is_over.store(true, Ordering::SeqCst);
        assistants.into_iter().for_each(|assistant| assistant.join().expect("it does not panic"));
    });
    see_to_what_is_left(&host);
    assert!(calls.offers.lock().unwrap().iter().any(|sends| *sends > SHARE));
    let orders: Vec<Vec<usize>> = clients.iter().map(Client::heard).collect();
    for order in &orders {
        assert_eq!(order, &orders[0], "everybody hears the same");
        assert_eq!(order.len(), SENDERS * EACH);
        for sender in 0..SENDERS {
            let of = order.iter().copied().filter(|number| number / EACH == sender);
            assert!(of.eq(sender * EACH..(sender + 1) * EACH), "{order:?}");
        }
    }
}

/// Another thread takes a part while the first one still offers it.
#[test]
fn a_message_with_many_recipients_is_shared() {
    let (host, calls) = host(1);
    let clients = join(&host, SHARE + 1);
    assert_eq!(*calls.offers.lock().unwrap(), [0; 0], "one at a time joins");
    let (offered, hears) = channel();
    let (tells, taken) = channel();
    *calls.shares.lock().unwrap() = Some((offered, taken));
    let mut before: Vec<_> = clients.iter().map(Client::writers).collect();
    let other = thread::scope(|scope| {
        let host = &host;
        let other = scope.spawn(move || {
            hears.recv_timeout(PATIENCE).expect("something is offered");
            tells.send(host.assist()).expect("the other thread waits");
            thread::current().id()
        });
        host.turn().receive(&clients[0].line, &says(7));
        other.join().expect("it does not panic")
    });
    let offers = calls.offers.lock().unwrap().clone();
    assert_eq!(offers[0], SHARE + 1);
    assert!(offers.is_sorted_by(|earlier, later| earlier > later), "less and less, as it goes on: {offers:?}");
    let mut by_other = 0;
    for (client, before) in clients.iter().zip(&mut before) {
        assert_eq!(client.heard(), [7]);
        let writers = client.writers().split_off(before.len());
        assert_eq!(writers.len(), 1, "one message is one write");
        by_other += usize::from(writers == [other]);
    }
    assert!(by_other > 0 && by_other < clients.len(), "{by_other} of {}", clients.len());
    assert!(!host.assist(), "nothing is left");
}

/// Those who say something meanwhile have left it to the thread that sends. It does so for a few rounds, and leaves the rest to
/// whoever is called when it is due: at once.
#[test]
fn what_is_said_while_another_thread_sends_is_sent_by_that_one() {
    let (host, calls) = host(1);
    let clients = join(&host, SHARE + 1);
    let (offered, hears) = channel();
    let (tells, taken) = channel();
    *calls.shares.lock().unwrap() = Some((offered, taken));
    thread::scope(|scope| {
        let (host, line) = (&host, &clients[1].line);
        scope.spawn(move || {
            for number in 1..=6 {
                hears.recv_timeout(PATIENCE).expect("something is offered");
                host.turn().receive(line, &says(number));
                tells.send(host.assist()).expect("the other thread waits");
            }
        });
        host.turn().receive(&clients[0].line, &says(0));
        assert!(clients.iter().all(|client| client.heard() == [0, 1, 2, 3]), "what it did itself");
        assert_eq!(host.poll_timeout(), Some(Time::default()));
        see_to_what_is_left(host);
    });
    assert!(clients.iter().all(|client| client.heard() == [0, 1, 2, 3, 4, 5, 6]));
}

#[test]
fn a_message_with_few_recipients_is_not_offered() {
    let (host, calls) = host(1);
    let clients = join(&host, SHARE);
    host.turn().receive(&clients[0].line, &says(7));
    assert_eq!(*calls.offers.lock().unwrap(), [0; 0]);
    assert!(clients.iter().all(|client| client.heard() == [7]));
}

/// The application around the server takes its time in the thread that has read its request. What was said in the same turn is out
/// by then, and what others say goes out meanwhile.
#[test]
fn a_request_that_blocks_stops_nobody() {
    for recipients in [2, SHARE + 1] {
        let (host, calls) = host(1);
        let clients = join(&host, recipients);
        let (is_there, hears) = channel();
        let (lets_go, goes_on) = channel();
        *calls.blocks.lock().unwrap() = Some((is_there, goes_on));
        let socket = Arc::new(Memory::default());
        let line = host.accept(Peer::default(), socket.clone()).expect("there is room");
        thread::scope(|scope| {
            let blocked = scope.spawn(|| {
                let mut turn = host.turn();
                turn.receive(&line, b"GET /elsewhere HTTP/1.1\r\nHost: localhost\r\n\r\n");
                turn.receive(&clients[0].line, &says(1));
            });
            hears.recv_timeout(PATIENCE).expect("the request is there");
            assert!(clients.iter().all(|client| client.heard() == [1]), "of the same turn");
            // Whoever is at the desk would be left this.
            host.turn().receive(&clients[1].line, &says(2));
            assert!(clients.iter().all(|client| client.heard() == [1, 2]), "of another thread");
            assert!(!blocked.is_finished());
            lets_go.send(()).expect("the request waits");
        });
        let response = String::from_utf8_lossy(&socket.0.lock().unwrap().0).into_owned();
        assert!(response.starts_with("HTTP/1.1 404 "), "{response}");
    }
}
