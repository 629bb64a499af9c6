//! The bench: a server, its clients, and the time.

use super::args;
use super::client::Client;
use super::peer::Plan;
use super::stage::Stage;
use super::tasks::Clock;
use crate::config::{Config, Protocol};
use crate::engine::{RequestError, Transport};
use crate::frame::Revision;
use crate::room::{App, Effects};
use crate::server::Server;
use crate::socket::Nsp;
use crate::time::Time;
use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::fmt;
use core::future::Future;
use core::time::Duration;
use serde::Serialize;

/// A server with an application, and clients of it, without a network and in virtual time. See the
/// [module's documentation](super).
pub struct Bench<A> {
    server: Rc<RefCell<Server<A>>>,
    stage: Rc<RefCell<Stage>>,
}

impl<A: App + 'static> Bench<A> {
    /// The time at which a bench begins: 2020-01-01, counted from 1970.
    pub const START: Time = Time::from_millis(1_577_836_800_000);

    /// A bench without clients, with the default limits.
    #[must_use]
    pub fn new(app: A) -> Self {
        Self::with_config(app, Config::default())
    }

    /// A bench without clients, with these limits.
    ///
    /// # Panics
    ///
    /// If the protocol is not [`Protocol::SocketIo`]: the clients know no other.
    #[must_use]
    #[track_caller]
    pub fn with_config(app: A, config: Config) -> Self {
        let protocol = config.protocol;
        assert!(protocol == Protocol::SocketIo, "expected the protocol SocketIo, but the config says {protocol:?}");
        let server = Rc::new(RefCell::new(Server::new(app, config.clone())));
        let mut stage = Stage::new(server.clone(), config, Self::START);
        stage.settle();
        Self { server, stage: Rc::new(RefCell::new(stage)) }
    }

    /// Connects a client of EIO=4 to a namespace, by WebSocket. The namespace may refuse it ([`Client::refusal`]).
    ///
    /// `auth` are its credentials: JSON, `()`, `None` or `""`.
    ///
    /// # Panics
    ///
    /// If the server takes no connection.
    #[track_caller]
    pub fn connect(&self, nsp: &str, auth: impl Serialize) -> Client {
        self.client().connect(nsp, auth)
    }

    /// A client to be connected in another way.
    #[must_use]
    pub fn client(&self) -> Connector {
        Connector {
            stage: self.stage.clone(),
            plan: Plan {
                revision: Revision::V4,
                transport: Transport::WebSocket,
                base64: false,
                address: "127.0.0.1".into(),
                query: String::new(),
                headers: Vec::new(),
            },
        }
    }

    /// Looks at the application.
    pub fn app<R>(&self, look: impl FnOnce(&mut A) -> R) -> R {
        self.apply(|app, _| look(app))
    }

    /// Does something from outside, as [`Hub::apply`](crate::driver::Hub::apply).
    pub fn apply<R>(&self, work: impl FnOnce(&mut A, &mut Effects<'_>) -> R) -> R {
        let now = self.now();
        let result = self.server.borrow_mut().hub.apply(now, work);
        self.stage.borrow_mut().settle();
        result
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Time {
        self.stage.borrow().now
    }

    /// Lets time pass, in whole milliseconds. Every deadline on the way is met at its time: those of the server, of the
    /// application, of the clients, and of tasks that sleep.
    pub fn advance(&self, duration: Duration) {
        self.stage.borrow_mut().advance(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
    }

    /// Does what is to be done now. To be called when something was woken from outside of the bench: the application's
    /// waker, or a task.
    pub fn settle(&self) {
        self.stage.borrow_mut().settle();
    }

    /// The virtual time, for tasks.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.stage.borrow().tasks.clock()
    }

    /// Runs a task of the test, beside those of the application.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut stage = self.stage.borrow_mut();
        stage.tasks.add(Box::pin(task));
        stage.settle();
    }

    /// The number of tasks that have not ended: the application's ([`Effects::spawn`]) and the test's.
    #[must_use]
    pub fn tasks(&self) -> usize {
        self.stage.borrow().tasks.len()
    }

    /// Shuts the server down. It closes all sessions, and opens no more.
    pub fn shutdown(&self) {
        let now = self.now();
        self.server.borrow_mut().shard.shutdown(now);
        self.stage.borrow_mut().settle();
    }
}

impl<A> fmt::Debug for Bench<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = self.stage.borrow();
        f.debug_struct("Bench").field("now", &stage.now).field("clients", &stage.peers.len()).finish_non_exhaustive()
    }
}

/// How a client is to be connected: by default with EIO=4, by WebSocket, from `127.0.0.1`.
#[derive(Clone)]
pub struct Connector {
    stage: Rc<RefCell<Stage>>,
    plan: Plan,
}

impl Connector {
    /// With EIO=3, as clients 1.x and 2.x. Credentials are sent as a query after the namespace's name, and none for `/`,
    /// which such a client is always in.
    #[must_use]
    pub fn eio3(mut self) -> Self {
        self.plan.revision = Revision::V3;
        self
    }

    /// By polling. [`Client::upgrade`] goes on from there.
    #[must_use]
    pub fn polling(mut self) -> Self {
        self.plan.transport = Transport::Polling;
        self
    }

    /// By polling with text only (`b64=1`), as old browsers do it with EIO=3.
    #[must_use]
    pub fn base64(mut self) -> Self {
        self.plan.base64 = true;
        self.polling()
    }

    /// From this address.
    #[must_use]
    pub fn address(mut self, address: &str) -> Self {
        self.plan.address = address.into();
        self
    }

    /// With more parameters in the request's query: `name=value`, with `&` between them.
    #[must_use]
    pub fn query(mut self, query: &str) -> Self {
        self.plan.query = query.into();
        self
    }

    /// With one more header in the request.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.plan.headers.push((name.into(), value.into()));
        self
    }

    /// Connects to a namespace. The namespace may refuse it ([`Client::refusal`]).
    ///
    /// # Panics
    ///
    /// If the server takes no connection.
    #[track_caller]
    pub fn connect(self, nsp: &str, auth: impl Serialize) -> Client {
        match self.try_connect(nsp, auth) {
            Ok(client) => client,
            Err(error) => panic!("expected the server to take a connection to {nsp}, but it answers: {error}"),
        }
    }

    /// Connects to a namespace.
    ///
    /// # Errors
    ///
    /// What the server refuses the connection with. A namespace's refusal is no error.
    pub fn try_connect(self, nsp: &str, auth: impl Serialize) -> Result<Client, RequestError> {
        let Self { stage, plan } = self;
        let nsp = Nsp::new(nsp);
        let who = stage.borrow_mut().add(plan, &nsp, args::auth(auth));
        stage.borrow_mut().open(who)?;
        Ok(Client { stage, who, nsp })
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Connector").field(&self.plan).finish()
    }
}
