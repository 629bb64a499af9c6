//! The body of a POST: it is collected, and handed to the shard when it is complete and the hub is not behind.

use super::advance::is_join;
use super::agenda::Waiter;
use super::exchange::{Exchange, Posting};
use super::held::Held;
use crate::http::Body;
use sanket::{decode_body, jsonp};

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
        if sessions.pause(self.agenda, key, || Waiter::Line(self.line.clone())) {
            posting.is_whole = true;
            self.state.is_paused = true;
        } else {
            self.post();
        }
    }

    /// The hub has caught up, for which a POST may have waited.
    pub(super) fn resume_post(&mut self) {
        if matches!(&self.state.exchange, Exchange::Posting(posting) if posting.is_whole) {
            self.post();
        }
    }

    fn post(&mut self) {
        let Exchange::Posting(posting) = std::mem::take(&mut self.state.exchange) else { return };
        let Posting { waiting, revision, kind, body, .. } = *posting;
        // A form without a payload is an empty one, and malformed as such.
        let form = waiting.policy.is_jsonp().then(|| jsonp::unwrap(&body).unwrap_or_default());
        let body = form.as_deref().map_or(&*body, str::as_bytes);
        let packets = decode_body(revision, kind, body, &self.shared.config);
        if let Some(address) = &self.state.address {
            let joins = || packets.packets.iter().filter(|packet| is_join(packet)).count();
            let until = self.shared.addresses.joins(address, joins, self.agenda.now);
            self.state.throttle(until);
        }
        let (key, id) = (waiting.key, waiting.id);
        self.state.exchange = Exchange::Waiting(waiting);
        self.shared.sessions.post(self.agenda, key, id, packets);
    }
}
