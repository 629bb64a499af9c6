//! The shards behind their locks, and the tasks that wait for something from them. Every lock is held for the length of
//! one call into the core; what the core wants done is done after it has been given back ([`Chores`]). Knows no HTTP and no
//! WebSocket.

use crate::chores::{Chore, Chores};
use crate::clock::Clock;
use crate::hub::Pump;
use crate::outlet::Outlet;
use crate::signal::Signal;
use event_listener::Event as Notification;
use rustc_hash::FxHashMap;
use sanket::{
    Config, Input, Key, NewSession, Output, Population, Reason, RequestError, RequestId, Response, Shard, Sid, Time,
};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// All that the server's tasks have in common.
pub(crate) struct Shared {
    pub(crate) config: Arc<Config>,
    pub(crate) clock: Clock,
    pub(crate) cells: Box<[Cell]>,
    pub(crate) hub: Box<dyn Pump>,
    pub(crate) ended: AtomicBool,
    /// Nobody has the server any more.
    pub(crate) abandoned: AtomicBool,
    /// The application has panicked.
    pub(crate) failed: AtomicBool,
    pub(crate) failing: Notification,
    /// WebSockets whose tasks have not ended yet: some may still have something to write.
    pub(crate) living_sockets: AtomicUsize,
    /// Sessions in all shards, those included that are being opened.
    sessions: AtomicUsize,
    next_request: AtomicU64,
}

/// One shard.
pub(crate) struct Cell {
    inside: Mutex<Inside>,
    /// There are events for the hub.
    pub(crate) eventful: AtomicBool,
    /// The earliest deadline has moved to an earlier time.
    pub(crate) timer: Signal,
    /// The hub has caught up.
    pub(crate) caught_up: Notification,
}

struct Inside {
    shard: Shard,
    /// Requests that wait for an answer.
    answers: FxHashMap<RequestId, Asker>,
    /// WebSockets, by the request that opened them.
    sockets: FxHashMap<RequestId, Arc<Line>>,
    /// What the timer task sleeps until.
    alarm: Time,
}

/// Who is to be told an answer.
pub(crate) enum Asker {
    /// A task that waits for it.
    Task(oneshot::Sender<Response>),
    /// Whoever passes it on from where it is.
    Direct(Arc<dyn Respond>),
}

/// Passes an answer on. No lock is held then.
pub(crate) trait Respond: Send + Sync {
    fn respond(&self, response: Response);
}

impl Asker {
    pub(crate) fn tell(self, response: Response) {
        match self {
            // The request may be gone by now; its session will hear of it.
            Self::Task(sender) => drop(sender.send(response)),
            Self::Direct(asker) => asker.respond(response),
        }
    }
}

impl fmt::Debug for Asker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Task(_) => "Task",
            Self::Direct(_) => "Direct",
        })
    }
}

/// A WebSocket, as whoever has something for it knows it.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) key: Key,
    pub(crate) id: RequestId,
    pub(crate) outlet: Outlet,
    /// There is something to transmit.
    pub(crate) ready: AtomicBool,
    /// It is to be closed.
    pub(crate) close: AtomicBool,
    /// Its task has to look.
    pub(crate) signal: Signal,
}

impl Line {
    fn new(key: Key, id: RequestId) -> Self {
        let (ready, close) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { key, id, outlet: Outlet::default(), ready, close, signal: Signal::default() }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("shards", &self.cells.len()).finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn new(config: Arc<Config>, shards: u8, hub: Box<dyn Pump>) -> Self {
        let population = Arc::<Population>::default();
        let cell = |index| Cell {
            inside: Mutex::new(Inside {
                shard: Shard::with_population(index, config.clone(), population.clone()),
                answers: FxHashMap::default(),
                sockets: FxHashMap::default(),
                alarm: Time::NEVER,
            }),
            eventful: AtomicBool::new(false),
            timer: Signal::default(),
            caught_up: Notification::new(),
        };
        Self {
            cells: (0..shards.max(1)).map(cell).collect(),
            config,
            clock: Clock::new(),
            hub,
            ended: AtomicBool::new(false),
            abandoned: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            failing: Notification::new(),
            living_sockets: AtomicUsize::new(0),
            sessions: AtomicUsize::new(0),
            next_request: AtomicU64::new(1),
        }
    }

    /// The shard that a session lives in. Ids are random, so one byte spreads them.
    pub(crate) fn cell_of(&self, sid: Sid) -> &Cell {
        let spread = usize::from(sid.as_bytes()[0]);
        &self.cells[spread % self.cells.len()]
    }

    /// The shard of a key.
    pub(crate) fn cell(&self, key: Key) -> &Cell {
        // Keys are made by these very shards.
        &self.cells[usize::from(key.shard()) % self.cells.len()]
    }

    pub(crate) fn next_request(&self) -> RequestId {
        RequestId(self.next_request.fetch_add(1, Ordering::Relaxed))
    }

    /// Opens a session, unless there are as many as there may be in all shards together.
    pub(crate) fn open(&self, shard: &mut Shard, new: NewSession, now: Time) -> Result<Key, RequestError> {
        let one_more = |n: usize| (n < self.config.max_sessions).then_some(n + 1);
        if self.sessions.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).is_err() {
            return Err(RequestError::Full);
        }
        shard.open(new, now).inspect_err(|_| self.uncount())
    }

    fn uncount(&self) {
        self.sessions.fetch_sub(1, Ordering::AcqRel);
    }

    pub(crate) fn count_closed(&self, key: Key, reason: Reason) {
        self.uncount();
        match reason {
            Reason::SlowConsumer => log::warn!("{key:?} does not read what it is sent; closed"),
            reason => log::debug!("{key:?} closed: {reason}"),
        }
    }

    /// Lets `work` have the shard, then does what the core wants done.
    pub(crate) fn with<R>(&self, cell: &Cell, work: impl FnOnce(&mut Shard, Time) -> R) -> R {
        self.with_tables(cell, |inside, now| work(&mut inside.shard, now))
    }

    /// The same, with `id` waiting for its answer.
    pub(crate) fn ask<R>(
        &self,
        cell: &Cell,
        id: RequestId,
        work: impl FnOnce(&mut Shard, Time) -> R,
    ) -> (oneshot::Receiver<Response>, R) {
        let (sender, receiver) = oneshot::channel();
        let result = self.with_tables(cell, |inside, now| {
            inside.answers.insert(id, Asker::Task(sender));
            work(&mut inside.shard, now)
        });
        (receiver, result)
    }

    /// Tells whatever client `find` finds of the request `id`, and has the answer passed on by what `asker` makes of `parts`.
    ///
    /// # Errors
    ///
    /// Those of `find`, and the parts; then nobody waits for anything.
    pub(crate) fn ask_for<P, A: Respond + 'static, E>(
        &self,
        (cell, id, input): (&Cell, RequestId, Input<'_>),
        parts: P,
        find: impl FnOnce(&mut Shard, Time) -> Result<Key, E>,
        asker: impl FnOnce(P, Key) -> A,
    ) -> Result<Arc<A>, (E, P)> {
        self.with_tables(cell, |inside, now| {
            let key = match find(&mut inside.shard, now) {
                Ok(key) => key,
                Err(error) => return Err((error, parts)),
            };
            let asker = Arc::new(asker(parts, key));
            inside.answers.insert(id, Asker::Direct(asker.clone()));
            inside.shard.handle(key, input, now);
            Ok(asker)
        })
    }

    /// The same, with the WebSocket `id` of whatever client `work` finds, registered for what it will be told.
    ///
    /// # Errors
    ///
    /// Those of `work`.
    pub(crate) fn attach<E>(
        &self,
        cell: &Cell,
        id: RequestId,
        work: impl FnOnce(&mut Shard, Time) -> Result<Key, E>,
    ) -> Result<Arc<Line>, E> {
        self.with_tables(cell, |inside, now| {
            let line = Arc::new(Line::new(work(&mut inside.shard, now)?, id));
            // What the core has to say to it is looked at when this is done.
            inside.sockets.insert(id, line.clone());
            Ok(line)
        })
    }

    /// Lets `work` have the shard if `id` still waits for its answer.
    pub(crate) fn if_waiting(&self, cell: &Cell, id: RequestId, work: impl FnOnce(&mut Shard, Time)) {
        self.with_tables(cell, |inside, now| {
            if inside.answers.contains_key(&id) {
                work(&mut inside.shard, now);
            }
        });
    }

    /// Forgets a request or a WebSocket; nothing waits for it any more.
    pub(crate) fn forget<R>(&self, cell: &Cell, id: RequestId, work: impl FnOnce(&mut Shard, Time) -> R) -> R {
        self.with_tables(cell, |inside, now| {
            inside.answers.remove(&id);
            inside.sockets.remove(&id);
            work(&mut inside.shard, now)
        })
    }

    /// Lets `work` have the shard; what the core wants done is done at the end of the worker's turn.
    pub(crate) fn with_in_turn(self: &Arc<Self>, cell: &Cell, work: impl FnOnce(&mut Shard, Time)) {
        self.perform_in_turn(|chores| self.with_chores(cell, chores, work));
    }

    /// Forgets a WebSocket in the same way.
    pub(crate) fn forget_in_turn(self: &Arc<Self>, cell: &Cell, id: RequestId, work: impl FnOnce(&mut Shard, Time)) {
        self.perform_in_turn(|chores| {
            self.collect(cell, chores, |inside, now| {
                inside.sockets.remove(&id);
                work(&mut inside.shard, now);
            });
        });
    }

    /// Whoever asked has gone without an answer.
    pub(crate) fn request_gone(&self, key: Key, id: RequestId) {
        self.forget(self.cell(key), id, |shard, now| shard.handle(key, Input::RequestGone(id), now));
    }

    /// Whether a shard's clients should not be read from: the hub is too far behind. One that has ended is not waited for.
    pub(crate) fn is_backlogged(&self, cell: &Cell) -> bool {
        cell.lock().shard.is_backlogged() && !self.ended.load(Ordering::Acquire)
    }

    /// Waits while the hub is too far behind to take more from this shard's clients.
    pub(crate) async fn admit(&self, cell: &Cell) {
        while self.is_backlogged(cell) {
            let caught_up = cell.caught_up.listen();
            // It may have caught up between the look and the listening.
            if self.is_backlogged(cell) {
                caught_up.await;
            }
        }
    }

    /// What the timer task is to sleep until.
    pub(crate) fn alarm(&self, cell: &Cell) -> Time {
        let mut inside = cell.lock();
        inside.alarm = inside.shard.poll_timeout().unwrap_or(Time::NEVER);
        inside.alarm
    }

    /// How many sessions there are.
    pub(crate) fn sessions(&self) -> usize {
        self.sessions.load(Ordering::Acquire)
    }

    /// The application has panicked: nobody can be served any more, and nobody is kept waiting.
    pub(crate) fn fail(&self) {
        self.ended.store(true, Ordering::Release);
        self.failed.store(true, Ordering::Release);
        for cell in &self.cells {
            self.with(cell, Shard::shutdown);
            cell.caught_up.notify(usize::MAX);
        }
        self.failing.notify(usize::MAX);
    }

    /// Somebody outside wants something of the application.
    pub(crate) fn turn_hub(&self) {
        let mut chores = Chores::new(self.clock.now());
        chores.events = true;
        self.hub.want();
        self.perform(chores);
    }

    fn with_tables<R>(&self, cell: &Cell, work: impl FnOnce(&mut Inside, Time) -> R) -> R {
        let mut chores = Chores::new(self.clock.now());
        let result = self.collect(cell, &mut chores, work);
        self.perform(chores);
        result
    }

    /// Lets `work` have the shard; what the core wants done is put on the list.
    pub(crate) fn with_chores<R>(
        &self,
        cell: &Cell,
        chores: &mut Chores,
        work: impl FnOnce(&mut Shard, Time) -> R,
    ) -> R {
        self.collect(cell, chores, |inside, now| work(&mut inside.shard, now))
    }

    fn collect<R>(&self, cell: &Cell, chores: &mut Chores, work: impl FnOnce(&mut Inside, Time) -> R) -> R {
        let mut inside = cell.lock();
        let result = work(&mut inside, chores.now);
        inside.take_outputs(chores);
        let has_events = inside.shard.has_events();
        if has_events {
            cell.eventful.store(true, Ordering::Release);
        }
        let earlier = inside.shard.poll_timeout().is_some_and(|at| at < inside.alarm);
        drop(inside);
        if has_events {
            chores.events = true;
            self.hub.want();
        }
        if earlier {
            cell.timer.raise();
        }
        result
    }
}

impl Cell {
    /// How many requests wait for an answer.
    pub(crate) fn waiting(&self) -> usize {
        self.lock().answers.len()
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        // The core does not panic; if it did, one client's state would be in doubt, not everybody's.
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    fn take_outputs(&mut self, chores: &mut Chores) {
        while let Some((key, output)) = self.shard.poll_output() {
            match output {
                Output::Respond(id, response) => {
                    if let Some(sender) = self.answers.remove(&id) {
                        chores.push(Chore::Answer(sender, response));
                    }
                }
                Output::WsReady(id) => {
                    if let Some(line) = self.sockets.get(&id) {
                        line.ready.store(true, Ordering::Release);
                        chores.push(Chore::Send(line.clone()));
                    }
                }
                Output::WsClose(id) => {
                    if let Some(line) = self.sockets.remove(&id) {
                        line.close.store(true, Ordering::Release);
                        chores.push(Chore::Ring(line));
                    }
                }
                Output::Closed(reason) => chores.push(Chore::Closed(key, reason)),
            }
        }
    }
}
