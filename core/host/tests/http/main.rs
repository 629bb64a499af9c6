//! One connection as its client and its host see it, without sockets and without sleeping.
mod app;
mod bench;
mod bodies;
mod conversations;
mod deadlines;
mod frames;
mod heads;
mod hostile;
mod pieces;
mod responses;
mod shutdown;
mod splitting;
mod upgrades;
mod vanishing;
mod websockets;
