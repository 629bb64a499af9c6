//! The calls of the application, and the check that each was expected.

use super::book::{Asked, History, Person, State};
use super::puppet::Puppet;
use sanket::{
    AckId, Admission, App, BroadcastAckId, ConnectError, ConnectRequest, Effects, Event, Message, PreviousSocket,
    Protocol, Reason, Revision, SocketId, Time,
};
use std::collections::BTreeSet;

/// What whoever knocks is told, by a number.
pub(super) fn answer(n: usize) -> Admission {
    match n {
        0 => Admission::Accept,
        1 => Admission::Refuse(ConnectError::new("no").with_data(&1)),
        2 => Admission::NoSuchNamespace,
        _ => Admission::Later,
    }
}

impl App for Puppet {
    fn admit(&mut self, who: SocketId, _: &ConnectRequest, fx: &mut Effects<'_>) -> Admission {
        self.interfere(fx);
        let admission = match self.admission % 8 {
            n @ 5..=7 => answer(usize::from(n) - 4),
            _ => Admission::Accept,
        };
        if admission == Admission::Later {
            self.waiting.insert(who, fx.now());
        }
        admission
    }

    fn connect(&mut self, who: SocketId, connect: &ConnectRequest, fx: &mut Effects<'_>) {
        self.waiting.remove(&who);
        let (nsp, id) = (connect.nsp.clone(), connect.id());
        let can_recover = self.config.recovery.is_some() && self.config.protocol != Protocol::EngineIo;
        let can_return = can_recover && connect.revision == Revision::V4;
        assert_eq!(fx.can_recover(), can_recover);
        assert!(!fx.was_recovered(who));
        let history = can_return.then(|| {
            self.histories.push(History {
                pid: String::new(),
                nsp: nsp.clone(),
                id: id.clone(),
                rooms: BTreeSet::new(),
                data: None,
                state: State::Here(who),
                told: Vec::new(),
                heard: Vec::new(),
                rests_until: Time::default(),
            });
            self.histories.len() - 1
        });
        let person = Person { nsp, id, rooms: BTreeSet::new(), data: None, history };
        assert!(self.people.insert(who, person).is_none(), "{who:?} is here already");
        self.interfere(fx);
    }

    /// Whoever comes back gets what it missed, all of it and nothing else.
    fn recover(&mut self, who: SocketId, earlier: PreviousSocket, connect: &ConnectRequest, fx: &mut Effects<'_>) {
        let claim = self.claims.remove(&who).unwrap_or_else(|| panic!("{who:?} did not ask for it"));
        let state = self.histories[claim.history].state;
        let (rooms, data) = if earlier.connected {
            assert_eq!(state, State::Here(earlier.socket));
            let person = self.remove(earlier.socket);
            (person.rooms, person.data)
        } else {
            assert_eq!(state, State::Gone(earlier.socket));
            let history = &self.histories[claim.history];
            (history.rooms.clone(), history.data.clone())
        };
        let history = &mut self.histories[claim.history];
        assert_eq!(connect.nsp, history.nsp);
        assert!(history.rests_until <= fx.now(), "{who:?} was here a moment ago");
        let limits = self.config.recovery.as_ref().expect("recovery");
        history.rests_until = fx.now().after(limits.min_replay_interval);
        history.state = State::Here(who);
        let from = claim.from.unwrap_or_else(|| panic!("{who:?} said nothing that makes sense"));
        let missed = history.told.iter().filter(|(position, _)| *position > from);
        self.expected.extend(missed.map(|(_, tag)| (who, *tag)));
        assert!(fx.was_recovered(who));
        let person =
            Person { nsp: history.nsp.clone(), id: history.id.clone(), rooms, data, history: Some(claim.history) };
        assert!(self.people.insert(who, person).is_none(), "{who:?} is here already");
        self.check(fx);
        self.interfere(fx);
    }

    fn event(&mut self, who: SocketId, event: &Event, ack: Option<AckId>, fx: &mut Effects<'_>) {
        assert!(self.people.contains_key(&who), "{event:?} of a stranger");
        if let Some(ack) = ack
            && self.below(2) == 0
        {
            let tag = self.expect(&[who]);
            fx.ack(ack, &format!("#{tag}#"));
        }
        self.interfere(fx);
    }

    fn message(&mut self, who: SocketId, _: &Message, fx: &mut Effects<'_>) {
        assert!(self.people.contains_key(&who), "a message of a stranger");
        self.interfere(fx);
    }

    fn ack(&mut self, ask: BroadcastAckId, who: SocketId, _: &Event, fx: &mut Effects<'_>) {
        let asked = self.pending_acks.get_mut(&ask).unwrap_or_else(|| panic!("nobody asked {ask:?}"));
        assert!(asked.waiting.remove(&who), "{who:?} was not asked, or has answered");
        self.interfere(fx);
    }

    fn acks_done(&mut self, ask: BroadcastAckId, silent: &[SocketId], fx: &mut Effects<'_>) {
        let Asked { waiting, silent: mut wanted, deadline } =
            self.pending_acks.remove(&ask).unwrap_or_else(|| panic!("nobody asked {ask:?}"));
        assert!(waiting.is_empty() || deadline <= fx.now(), "{waiting:?} may answer yet");
        wanted.extend(waiting);
        assert_eq!(silent.iter().copied().collect::<BTreeSet<_>>(), wanted);
        assert_eq!(silent.len(), wanted.len());
        self.interfere(fx);
    }

    fn disconnecting(&mut self, who: SocketId, _: Reason, fx: &mut Effects<'_>) {
        self.leaving = Some(who);
        self.check(fx);
        self.interfere(fx);
    }

    fn disconnect(&mut self, who: SocketId, reason: Reason, fx: &mut Effects<'_>) {
        let person = self.remove(who);
        if let Some(index) = person.history {
            let history = &mut self.histories[index];
            assert_eq!(history.state, State::Here(who));
            let was_leaving = self.leaving == Some(who);
            assert!(was_leaving || self.claims.values().any(|claim| claim.history == index), "{who:?} left unseen");
            history.state = if was_leaving && reason.is_recoverable() { State::Gone(who) } else { State::Over };
            (history.rooms, history.data) = (person.rooms, person.data);
        } else {
            assert_eq!(self.leaving, Some(who));
        }
        self.leaving = None;
        self.check(fx);
        self.interfere(fx);
    }

    fn wake(&mut self, fx: &mut Effects<'_>) {
        let at = self.wake.take().unwrap_or_else(|| panic!("nobody wanted to be woken"));
        assert!(at <= fx.now(), "woken too early");
        self.interfere(fx);
    }
}
