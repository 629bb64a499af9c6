//! The application: has the effects that the script chooses, records what must follow, and compares.

use super::NAMESPACES;
use super::app::answer;
use super::book::{Aim, Asked, Claim, History, Person, State};
use bytes::Bytes;
use sanket::{BroadcastAckId, Config, Effects, Emit, JoinError, Nsp, SocketId, Target, Time};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// The application, and its book.
#[derive(Debug)]
pub(super) struct Puppet {
    pub(super) config: Arc<Config>,
    /// What it will do.
    pub(super) plan: VecDeque<u8>,
    /// What it answers whoever knocks next.
    pub(super) admission: u8,
    /// What whoever knocked has said, until it is back.
    pub(super) claims: BTreeMap<SocketId, Claim>,
    /// Every socket whose client ever asked to connect.
    pub(super) known: Vec<SocketId>,
    pub(super) people: BTreeMap<SocketId, Person>,
    /// Who has been told to wait, and since when.
    pub(super) waiting: BTreeMap<SocketId, Time>,
    pub(super) histories: Vec<History>,
    pub(super) pending_acks: BTreeMap<BroadcastAckId, Asked>,
    /// Who must be told what, in this order.
    pub(super) expected: VecDeque<(SocketId, u64)>,
    pub(super) leaving: Option<SocketId>,
    pub(super) wake: Option<Time>,
    pub(super) tags: u64,
    /// How many kept events there were, and by each event.
    pub(super) position: u64,
    pub(super) positions: BTreeMap<u64, u64>,
}

impl Puppet {
    pub(super) fn new(config: Arc<Config>) -> Self {
        Self {
            config,
            plan: VecDeque::new(),
            admission: 0,
            claims: BTreeMap::new(),
            known: Vec::new(),
            people: BTreeMap::new(),
            waiting: BTreeMap::new(),
            histories: Vec::new(),
            pending_acks: BTreeMap::new(),
            expected: VecDeque::new(),
            leaving: None,
            wake: None,
            tags: 0,
            position: 0,
            positions: BTreeMap::new(),
        }
    }

    pub(super) fn below(&mut self, n: usize) -> usize {
        usize::from(self.plan.pop_front().unwrap_or_default()) % n
    }

    pub(super) fn someone(&mut self) -> SocketId {
        let n = self.below(self.known.len().min(6) + 1);
        let index = self.known.len().saturating_sub(1 + n);
        self.known.get(index).copied().unwrap_or_else(|| panic!("nobody has knocked"))
    }

    pub(super) fn nsp(&mut self) -> Nsp {
        Nsp::new(NAMESPACES[self.below(NAMESPACES.len())])
    }

    pub(super) fn room(&mut self) -> String {
        match self.below(8) {
            n @ 0..=4 => ["r", "s", "t", "u", ""][n].into(),
            5 => "a name that is longer than rooms may have".into(),
            _ => {
                let who = self.someone();
                self.people.get(&who).map_or("r".into(), |person| person.id.clone())
            }
        }
    }

    pub(super) fn rooms(&mut self) -> Vec<String> {
        (0..self.below(3)).map(|_| self.room()).collect()
    }

    pub(super) fn aim(&mut self) -> Aim {
        match self.below(6) {
            0 | 1 => Aim::Socket(self.someone()),
            2 => Aim::Namespace(self.nsp()),
            3 => Aim::Room(self.nsp(), self.room()),
            _ => {
                let (nsp, rooms, except_rooms) = (self.nsp(), self.rooms(), self.rooms());
                let except = (0..self.below(3)).map(|_| self.someone()).collect();
                Aim::BroadcastOptions { nsp, rooms, except_rooms, except }
            }
        }
    }

    pub(super) fn recipients(&self, aim: &Aim, fx: &Effects<'_>) -> Vec<SocketId> {
        let included =
            |(who, person): &(&SocketId, &Person)| aim.includes(Some(**who), &person.nsp, &person.id, &person.rooms);
        let wanted: Vec<SocketId> = self.people.iter().filter(included).map(|(who, _)| *who).collect();
        assert_eq!(aim.with(|target| fx.fetch_sockets(target)), wanted, "{aim:?}");
        wanted
    }

    /// Does something.
    pub(super) fn act(&mut self, fx: &mut Effects<'_>) {
        if self.known.is_empty() {
            return;
        }
        match self.below(16) {
            0 | 1 => {
                let (who, room) = (self.someone(), self.room());
                self.join(who, &room, fx);
            }
            2 => {
                let (who, room) = (self.someone(), self.room());
                let was_in = self.people.get_mut(&who).is_some_and(|person| person.rooms.remove(&room));
                assert_eq!(fx.leave(who, &room), was_in);
            }
            3 => {
                let (aim, room) = (self.aim(), self.room());
                for who in self.recipients(&aim, fx) {
                    // `sockets_join` is the same once more.
                    self.join(who, &room, fx);
                }
                let refused = aim.with(|target| fx.sockets_join(target, &room));
                let lonely =
                    self.recipients(&aim, fx).iter().filter(|who| !self.people[*who].rooms.contains(&room)).count();
                assert_eq!(refused, lonely);
            }
            4 => {
                let (aim, room) = (self.aim(), self.room());
                for who in self.recipients(&aim, fx) {
                    self.people.get_mut(&who).map(|person| person.rooms.remove(&room));
                }
                aim.with(|target| fx.sockets_leave(target, &room));
            }
            5..=7 => self.send(fx),
            8 => self.emit_with_ack(fx),
            9 => fx.disconnect(self.someone(), self.below(4) == 0),
            10 => {
                let aim = self.aim();
                let close = self.below(4) == 0;
                aim.with(|target| fx.disconnect_sockets(target, close));
            }
            11 => {
                let (who, admission) = (self.someone(), self.below(4));
                fx.decide(who, answer(admission));
            }
            12 => {
                let who = self.someone();
                let data = self.below(100);
                fx.set_data(who, &data);
                if let Some(person) = self.people.get_mut(&who) {
                    person.data = Some(data.to_string());
                }
            }
            13 => {
                let at = fx.now().after(1 + u64::try_from(self.below(256)).unwrap_or_default());
                self.wake = Some(self.wake.map_or(at, |wake| wake.min(at)));
                fx.wake_at(at);
            }
            n => {
                let aim = self.aim();
                let recipients = self.recipients(&aim, fx);
                let tag = self.expect(&recipients);
                let text = format!("#{tag}#");
                aim.with(|target| match n {
                    14 => fx.send_text(target, &text),
                    _ => fx.send_binary(target, text.into_bytes().into()),
                });
            }
        }
    }

    pub(super) fn join(&mut self, who: SocketId, room: &str, fx: &mut Effects<'_>) {
        let config = &self.config;
        let wanted = match self.people.get_mut(&who) {
            Some(person) if person.rooms.contains(room) => Ok(false),
            Some(_) if room.len() > config.max_room_name => Err(JoinError::Name),
            Some(person) if person.rooms.len() == config.max_rooms => Err(JoinError::TooMany),
            Some(person) => Ok(person.rooms.insert(room.into())),
            None => Ok(false),
        };
        assert_eq!(fx.join(who, room), wanted);
    }

    /// A new tag, which these are to get.
    pub(super) fn expect(&mut self, recipients: &[SocketId]) -> u64 {
        self.tags += 1;
        self.positions.insert(self.tags, self.position);
        self.expected.extend(recipients.iter().map(|who| (*who, self.tags)));
        self.tags
    }

    pub(super) fn send(&mut self, fx: &mut Effects<'_>) {
        let aim = self.aim();
        let flags = self.below(256);
        let (volatile, not_recoverable) = (flags & 3 == 1, flags & 3 == 2);
        let recipients = self.recipients(&aim, fx);
        let tag = self.expect(&recipients);
        let kept = self.config.recovery.is_some() && !volatile && !not_recoverable;
        let for_one_who_can_return = match &aim {
            Aim::Socket(who) => self.people.get(who).is_some_and(|person| person.history.is_some()),
            Aim::Namespace(_) | Aim::Room(..) | Aim::BroadcastOptions { .. } => true,
        };
        if kept && for_one_who_can_return {
            self.position += 1;
            self.positions.insert(tag, self.position);
            let people = &self.people;
            for history in &mut self.histories {
                let included = match history.state {
                    State::Here(who) => recipients.contains(&who) && people.contains_key(&who),
                    State::Gone(_) => aim.includes(None, &history.nsp, &history.id, &history.rooms),
                    State::Over => false,
                };
                if included {
                    history.told.push((self.position, tag));
                }
            }
        }
        let data = [Bytes::from_static(b"abc")];
        let mut emit = Emit::new("e").arg(&format!("#{tag}#"));
        if flags & 4 != 0 {
            emit = emit.arg(&"x".repeat(flags));
        }
        if flags & 8 != 0 {
            emit = emit.args_json(r#"{"_placeholder":true,"num":0}"#).attachments(&data);
        }
        if flags & 16 != 0 {
            emit = emit.uncompressed();
        }
        emit = match (volatile, not_recoverable) {
            (true, _) => emit.volatile(),
            (_, true) => emit.not_recoverable(),
            _ => emit,
        };
        aim.with(|target| fx.send(target, &emit));
    }

    pub(super) fn emit_with_ack(&mut self, fx: &mut Effects<'_>) {
        let aim = self.aim();
        let timeout = 1 + u64::try_from(self.below(256)).unwrap_or_default();
        let owes = |who: &SocketId| self.pending_acks.values().filter(|ask| ask.waiting.contains(who)).count();
        let (waiting, silent): (Vec<_>, Vec<_>) =
            self.recipients(&aim, fx).into_iter().partition(|who| owes(who) < self.config.max_pending_acks);
        let tag = self.expect(&waiting);
        let id = aim.with(|target| fx.emit_with_ack(target, &Emit::new("e").arg(&format!("#{tag}#")), timeout));
        let (waiting, silent) = (waiting.into_iter().collect(), silent.into_iter().collect());
        // Where nobody is asked, that is said soon.
        let waiting: BTreeSet<SocketId> = waiting;
        let deadline = fx.now().after(if waiting.is_empty() { 1 } else { timeout.max(1) });
        let ask = Asked { waiting, silent, deadline };
        assert!(self.pending_acks.insert(id, ask).is_none(), "{id:?} is two pending_acks");
    }

    /// While it is called, it may do something, too.
    pub(super) fn interfere(&mut self, fx: &mut Effects<'_>) {
        if self.below(4) == 1 {
            self.act(fx);
        }
    }

    /// Somebody's seat is gone: nothing is awaited from it any more.
    pub(super) fn remove(&mut self, who: SocketId) -> Person {
        for ask in self.pending_acks.values_mut() {
            if ask.waiting.remove(&who) {
                ask.silent.insert(who);
            }
        }
        self.people.remove(&who).unwrap_or_else(|| panic!("{who:?} was not here"))
    }

    pub(super) fn learn_pid(&mut self, who: SocketId, pid: String) {
        let history = self.people.get(&who).and_then(|person| person.history);
        if let Some(history) = history.map(|index| &mut self.histories[index]) {
            assert!(history.pid.is_empty() || history.pid == pid, "{pid} was {}", history.pid);
            history.pid = pid;
        }
    }

    /// Somebody gets something. How many kept events there were by then.
    pub(super) fn hear(&mut self, who: SocketId, tag: u64, offset: Option<&String>) -> u64 {
        assert_eq!(self.expected.pop_front(), Some((who, tag)));
        let history = self.people.get(&who).and_then(|person| person.history);
        if let (Some(index), Some(offset)) = (history, offset) {
            self.histories[index].heard.push(offset.clone());
        }
        self.positions[&tag]
    }

    pub(super) fn check(&self, fx: &Effects<'_>) {
        let all: BTreeSet<&Nsp> = self.people.values().map(|person| &person.nsp).collect();
        assert_eq!(fx.namespaces().into_iter().collect::<BTreeSet<_>>(), all);
        for nsp in all {
            let here: Vec<SocketId> =
                self.people.iter().filter(|(_, person)| person.nsp == *nsp).map(|(who, _)| *who).collect();
            assert_eq!(fx.count(nsp), here.len());
            assert_eq!(fx.fetch_sockets(Target::Namespace(nsp)), here);
        }
        for (who, person) in &self.people {
            assert_eq!(fx.nsp(*who), Some(&person.nsp));
            assert_eq!(fx.id(*who).as_ref(), Some(&person.id));
            assert_eq!(fx.find(&person.nsp, &person.id), Some(*who));
            assert_eq!(
                fx.rooms(*who).into_iter().collect::<BTreeSet<_>>(),
                person.rooms.iter().map(|room| &**room).collect()
            );
            assert_eq!(fx.data(*who), person.data.as_deref());
        }
    }
}
