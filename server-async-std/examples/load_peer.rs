//! The server that the load tool measures us by: a room that everybody is in, a broadcast, an echo, and joins that are told
//! of. It says what a server of the reference would say to the same clients, except that joins are told once a tick, as
//! presence is state and not history. Nothing here is tuned; what `tests/load` compares is what the crates do by default.
//!
//! `cargo run --release -p sanket-async-std --example load_peer` prints where it listens.

use async_std::task::block_on;
use sanket::{AckId, App, ConnectRequest, Effects, Emit, Event, Nsp, Reason, SocketId, Target, Time};
use sanket_async_std::{AddressLimits, HttpConfig, Server, Setup, setup};
use serde_json::json;

/// Gives memory back to the system when a flood is over.
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// The room that everybody is in.
const ROOM: &str = "everybody";
/// Milliseconds between two notices of who has joined.
const TICK: u64 = 100;
/// Names listed in one notice.
const LISTED: usize = 10;

fn main() -> std::io::Result<()> {
    // All clients come from one address, and as many as the system gives descriptors.
    let limit = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(1_024);
    let max_connections = usize::try_from(limit).unwrap_or(usize::MAX);
    let http = HttpConfig { max_connections, ..HttpConfig::default() };
    let (connections, sessions, unjoined) = (usize::MAX, usize::MAX, usize::MAX);
    let addresses = AddressLimits { connections, sessions, unjoined, ..AddressLimits::default() };
    let server = Server::start(Peer::default(), Setup { http, addresses, ..setup() })?;
    println!("listening on http://{}", server.listen(([127, 0, 0, 1], 0))?);
    block_on(server.failed());
    Ok(())
}

/// Says to everybody what anybody says.
#[derive(Default)]
struct Peer {
    /// How many joins there have been.
    count: usize,
    /// How many of them, and some names, have not been told yet.
    untold: usize,
    names: Vec<String>,
    quiet_until: Time,
}

impl Peer {
    /// Tells of those who have joined since the last notice, now or when the tick is over.
    fn tell(&mut self, fx: &mut Effects<'_>) {
        if self.untold == 0 {
            return;
        }
        if fx.now() < self.quiet_until {
            fx.wake_at(self.quiet_until);
            return;
        }
        let notice = json!({ "count": self.count, "joined": self.untold, "names": self.names });
        fx.emit(Target::Room(&Nsp::ROOT, ROOM), "joined", &notice);
        self.untold = 0;
        self.names.clear();
        self.quiet_until = fx.now().after(TICK);
    }
}

impl App for Peer {
    fn connect(&mut self, who: SocketId, _connect: &ConnectRequest, fx: &mut Effects<'_>) {
        // One short name is within every limit.
        let _ = fx.join(who, ROOM);
    }

    fn event(&mut self, who: SocketId, event: &Event, ack: Option<AckId>, fx: &mut Effects<'_>) {
        match (&*event.name(), ack) {
            ("say", _) => {
                fx.send(Target::Room(&Nsp::ROOT, ROOM), &Emit::new("said").args_json(event.args_json()));
            }
            ("echo", Some(ack)) => fx.ack_json(ack, event.args_json(), &[]),
            ("join", _) => {
                self.count += 1;
                self.untold += 1;
                if self.names.len() < LISTED {
                    self.names.extend(fx.id(who));
                }
                self.tell(fx);
            }
            _ => {}
        }
    }

    fn disconnect(&mut self, _who: SocketId, _reason: Reason, _fx: &mut Effects<'_>) {}

    fn wake(&mut self, fx: &mut Effects<'_>) {
        self.tell(fx);
    }
}
