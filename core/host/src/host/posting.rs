//! The body of a POST: it is collected, and handed to the shard when it is complete and the hub is not behind.

use super::advance::is_join;
use super::agenda::Waiter;
use super::exchange::{Exchange, Posting};
use super::held::Held;
use crate::http::Body;
use sanket::Time;
use sanket::driver::{Packets, decode_body, jsonp};

impl Held<'_> {
    /// Takes what has come of the body of a POST, and hands it on when it is complete.
    pub(super) fn collect(&mut self) {
        let (sessions, max) = (&self.shared.sessions, self.shared.config.max_payload);
        let Exchange::Posting(posting) = &mut self.state.exchange else { return };
        let (ticket, key, id) = (posting.waiting.ticket, posting.waiting.key, posting.waiting.id);
        loop {
            let room = (max + 1).saturating_sub(posting.body.len());
            match self.state.connection.read_body(ticket, &mut posting.body, room, self.agenda.now) {
                Body::Data(_) if posting.body.len() > max => {
                    posting.body = Vec::new();
                    return sessions.post_too_large(self.agenda, key, id);
                }
                Body::Data(_) => {}
                Body::End => break,
                Body::More | Body::Gone => return,
            }
        }
        posting.is_whole = true;
        self.resume_post();
    }

    /// Hands a POST on whose body is complete, unless the hub is behind or its client's address has sent too much: then it waits.
    pub(super) fn resume_post(&mut self) {
        let Exchange::Posting(posting) = &self.state.exchange else { return };
        if !posting.is_whole || self.state.is_paused || self.state.throttled_until.is_some() {
            return;
        }
        let key = posting.waiting.key;
        if self.shared.sessions.pause(self.agenda, key, || Waiter::Line(self.line.clone())) {
            self.state.is_paused = true;
        } else {
            self.post();
        }
    }

    fn post(&mut self) {
        let Exchange::Posting(mut posting) = std::mem::take(&mut self.state.exchange) else { return };
        // A form without a payload is an empty one, and malformed as such.
        let is_form = posting.waiting.policy.is_jsonp();
        let form = is_form.then(|| jsonp::unwrap(&posting.body).unwrap_or_default());
        let body = form.as_deref().map_or(&*posting.body, str::as_bytes);
        let packets = decode_body(posting.revision, posting.kind, body, &self.shared.config);
        if !std::mem::replace(&mut posting.is_counted, true) {
            let until = self.count_post(&posting, &packets);
            if until.is_some() {
                drop(packets);
                self.state.throttle(until);
                self.state.exchange = Exchange::Posting(posting);
                return;
            }
        }
        let (key, id) = (posting.waiting.key, posting.waiting.id);
        self.shared.sessions.post(self.agenda, key, id, packets);
        drop(form);
        self.state.exchange = Exchange::Waiting(posting.waiting);
    }

    /// Counts what a POST brings for its client's address. Returns until when it has to wait. Bytes on connections that are the
    /// client's alone were counted when they were received.
    fn count_post(&self, posting: &Posting, packets: &Packets<'_>) -> Option<Time> {
        let (addresses, now) = (&self.shared.addresses, self.agenda.now);
        let address = &self.state.client.as_ref()?.address;
        let joins = addresses.joins(address, || packets.packets.iter().filter(|packet| is_join(packet)).count(), now);
        let bytes = if self.state.is_proxied { addresses.received(address, posting.body.len(), now) } else { None };
        joins.max(bytes)
    }
}
