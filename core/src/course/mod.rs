//! A course for authors of applications, in short chapters. Each has one example, which is compiled and run as a test.
//!
//! 1. [Events](events): handlers, their arguments, and what they send.
//! 2. [Acknowledgements](acks): answers to clients, and answers of clients.
//! 3. [Rooms](rooms): sending to some.
//! 4. [Namespaces and credentials](namespaces): who may connect, and where.
//! 5. [Binary](binary): bytes in arguments.
//! 6. [Waiting](waiting): handlers that wait for a database, and work from outside.
//! 7. [Recovery](recovery): clients whose connection was lost.
//! 8. [Testing](testing): an application without a network.
//! 9. [Other runtimes, and deployment](deployment).
//! 10. [Coming from Node](node): a table of socket.io's names, and what they are here.
//!
//! The reference is [`router`](crate::router). Most examples run on the [bench](crate::testing): `bench.connect` is a client.

#[doc = include_str!("acks.md")]
pub mod acks {}
#[doc = include_str!("binary.md")]
pub mod binary {}
#[doc = include_str!("deployment.md")]
pub mod deployment {}
#[doc = include_str!("events.md")]
pub mod events {}
#[doc = include_str!("namespaces.md")]
pub mod namespaces {}
#[doc = include_str!("node.md")]
pub mod node {}
#[doc = include_str!("recovery.md")]
pub mod recovery {}
#[doc = include_str!("rooms.md")]
pub mod rooms {}
#[doc = include_str!("testing.md")]
pub mod testing {}
#[doc = include_str!("waiting.md")]
pub mod waiting {}
