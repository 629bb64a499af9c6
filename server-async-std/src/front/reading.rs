//! The wait for a request's head, the only place where a connection may be idle. Refuses to know what is done with it.
use super::deadline::Deadline;
use super::gate::{Gate, Phase};
use super::head::{self, Head, Terms};
use super::inbound::lock;
use super::link::Link;
use super::received::Received;
use super::refusal::Refusal;
use std::future::poll_fn;
use std::io;
use std::task::Poll;
use std::time::Instant;
use tide::http::StatusCode;

const TOO_LONG: Refusal = Refusal::new(StatusCode::RequestHeaderFieldsTooLarge, "the head is too long");

/// What a wait for a request came to.
pub(super) enum Next<T> {
    Request(T, Terms),
    Refuse(Refusal),
    /// Nobody waits for an answer.
    End,
}

/// Waits for the next request, and lets `begin` read its head while it lies there, and know of its body by the ticket; `first`
/// if it is the connection's first.
pub(super) async fn next_request<T>(
    link: &Link,
    gate: &Gate,
    deadline: &mut Deadline,
    first: bool,
    mut begin: impl FnMut(&Head<'_>, u64) -> T,
) -> Next<T> {
    let config = &link.config;
    let mut started = first;
    let mut n_parsed = 0;
    let mut is_set = false;
    loop {
        // Out of the lock: whoever begins to answer may take others along.
        let mut received = std::mem::take(&mut lock(&link.inbound).received);
        let read = if received.is_empty() { None } else { read(link, &mut received, &mut n_parsed, &mut begin) };
        let idle = received.is_empty();
        lock(&link.inbound).received = received;
        if let Some(next) = read {
            return next;
        }
        if !is_set || !idle && !started {
            is_set = true;
            started |= !idle;
            deadline.set(Instant::now() + if started { config.head_timeout } else { config.keep_alive_timeout });
        }
        let received = poll_fn(|cx| {
            if idle && gate.reached(Phase::Draining) {
                return Poll::Ready(Ok(0));
            }
            if let Poll::Ready(received) = lock(&link.inbound).poll_receive(cx) {
                return Poll::Ready(received);
            }
            deadline.poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
        });
        match received.await {
            Ok(1..) => {}
            Err(error) if error.kind() == io::ErrorKind::TimedOut && !idle => {
                return Next::Refuse(Refusal::new(StatusCode::RequestTimeout, "the head came too slowly"));
            }
            _ => return Next::End,
        }
    }
}

/// Looks for a head in what was received. `n_parsed` bytes have been looked at in vain.
fn read<T>(
    link: &Link,
    received: &mut Received,
    n_parsed: &mut usize,
    begin: &mut impl FnMut(&Head<'_>, u64) -> T,
) -> Option<Next<T>> {
    let config = &link.config;
    let bytes = received.unread();
    // To parse again for every byte would be quadratic; a head is only complete with a line's end.
    if *n_parsed == 0 || memchr::memchr(b'\n', &bytes[*n_parsed..]).is_some() {
        *n_parsed = bytes.len();
        let (mut room, mut more) = (head::room(), Vec::new());
        match head::parse(bytes, &mut room, &mut more, config.max_headers) {
            Ok(Some(head)) if head.terms.len <= config.max_head => {
                let terms = head.terms;
                let some = terms.len < bytes.len();
                let ticket = lock(&link.inbound).begin(terms.body, terms.expects_continue, some);
                let begun = begin(&head, ticket);
                received.consume(terms.len);
                return Some(Next::Request(begun, terms));
            }
            Ok(None) if bytes.len() < config.max_head => {}
            Ok(_) => return Some(Next::Refuse(TOO_LONG)),
            Err(refusal) => return Some(Next::Refuse(refusal)),
        }
    }
    (bytes.len() >= config.max_head).then_some(Next::Refuse(TOO_LONG))
}
