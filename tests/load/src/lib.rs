//! Puts load on any Socket.IO server, counts what comes back, and says what it cost the server.
//!
//! It judges from outside: it shares no code with the servers it measures. One thread turns one [`world::World`] of clients
//! over non-blocking sockets; each client writes and reads its packets as plain strings, so that thousands of them cost less
//! than what they measure. What is sent to be seen by others is numbered, and a [`ledger::Ledger`] fails loudly where
//! something is missing, comes twice, or comes out of order. What it cost is the server's own account of its processor time
//! ([`account`]).
//!
//! A [`soak`] is another matter: the chat program itself, under clients that behave in all ways, for a long time.
//!
//! # What the server has to do
//!
//! In `/`, and in `/n0` to `/n15`, whoever connects gets everything that is said to everybody of the namespace:
//!
//! | a client emits | and |
//! |---|---|
//! | `say`, sender, number, padding | everybody, the sender too, gets `said` with the same arguments |
//! | `enter`, room | the client is in that room, too |
//! | `tell`, room, sender, number, padding | everybody in the room gets `said` with the arguments after the room |
//! | `echo`, text, with an ack | the ack has the text |
//! | `join` | everybody gets `joined`, `{count}`: how many joins there have been; one notice may tell of several, `{count, joined}` |
//! | `arrive` | the same, at once and by a notice of its own |
//!
//! [`bare`] does this and nothing else: the floor that servers are compared with.

pub mod account;
pub mod bare;
pub mod client;
pub mod compare;

pub mod fault;
pub mod http;
pub mod ledger;
pub mod link;
pub mod packet;
pub mod report;
pub mod scenario;
pub mod soak;
pub mod world;
pub mod ws;
