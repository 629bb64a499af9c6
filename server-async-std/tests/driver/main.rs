//! The server as a whole, over real sockets: what an application sees of clients that behave badly, and where the server
//! can be mounted. What clients see is tested with the clients that others wrote, in `tests/clients`.

mod attachments;
mod client;
mod ends;
mod floods;
mod house;
mod mounted;
mod origins;
mod outside;
mod slow_reader;
mod stats;
mod ways;
