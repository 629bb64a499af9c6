//! A server for many threads: shards behind their locks, the hub, who waits for what, and connections that are written to by
//! whoever has something for them. Needs of a driver that it accepts, reads, writes, and sleeps.
//!
//! # The locks
//!
//! ```text
//! hub ──> shard        the hub takes events of shards, and hands deliveries to them
//! connection ──> shard a connection tells its client's shard what came, and takes what is to be sent
//! ```
//!
//! A shard's lock is the last of these; nobody takes another one of them while holding it. The hub's and a connection's are never
//! held together, and nothing of the driver's or the application around the server is called under any, but for [`Socket`]'s two
//! methods. The hub and each connection are behind a lock that makes nobody wait for work that its holder does as well. Counters,
//! deadlines, the table of addresses and the sessions of one address have locks of their own, which may be taken under any of these
//! for a few instructions; under those, none is taken.
//!
//! # The desk
//!
//! Whoever has told a shard something lets the hub speak and sends what it says, in its own turn: nobody is woken for that. Only
//! one thread at a time is at it, which is the desk; the others leave what they have heard, and it goes out with what comes next.
//! So a socket is written once for all that was said meanwhile, however many threads heard it, and under load the batches grow
//! by themselves. The desk is no lock: nobody waits for it, and nothing of the driver's or the application's runs at it but for
//! writes into sockets. After a few rounds it is left for the driver to come back to.
//!
//! What goes to more than [`SHARE`](crew::SHARE) connections is a list that threads with nothing to do take parts of
//! ([`Driver::offer`], [`Host::assist`]). [`Crew`](crew::Crew) says which of a driver's threads have nothing to do.
//!
//! # The files
//!
//! Each imports only those above it.
//!
//! ```text
//! combining crew deadlines draining entropy stats socket trim wakers head bucket
//!                                                           know nothing of a host
//! addresses limiter                                         who comes from where, and how many there are
//! exchange state foreign                                    a connection, and a request of another server, as data
//! agenda                                                    what is to be done when no lock is held
//! fanout                                                    what threads share of that
//! shards sessions hub                                       the protocol behind its locks
//! setup shared                                              what all of it has in common
//! held responses posting requests advance writing enter     a connection whose lock is held
//! turn                                                      works off the agenda
//! line application driver mount                             handles, which take turns
//! server                                                    puts it together
//! ```

mod addresses;
mod advance;
mod agenda;
pub mod application;
mod bucket;
mod combining;
pub mod crew;
mod deadlines;
mod draining;
mod driver;
mod enter;
mod entropy;
mod exchange;
mod fanout;
mod foreign;
mod head;
mod held;
mod hub;
mod limiter;
mod line;
pub mod mount;
mod posting;
mod requests;
mod responses;
mod server;
mod sessions;
mod setup;
mod shards;
mod shared;
mod socket;
mod state;
mod stats;
mod trim;
mod turn;
mod wakers;
mod watch;
mod writing;

pub use addresses::{AddressHits, AddressLimits};
pub use bucket::{InvalidRate, Rate};
pub use driver::{Driver, Job};
pub use entropy::Fill;
pub use hub::ApplyError;
pub use line::Line;
pub use server::Host;
pub use setup::Setup;
pub use socket::{Interest, Socket};
pub use stats::{RefusalKind, Stats};
pub use turn::Turn;
