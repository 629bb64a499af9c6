//! The front door as a client sees it, over loopback. One module for each thing it promises; the table of what tide's own
//! listener gets wrong is cured row by row in them.
mod backlog;
mod bodies;
mod caps;
mod client;
mod deadlines;
mod foreign_client;
mod heads;
mod hostile;
mod house;
mod responses;
mod shutdown;
mod splitting;
mod upgrades;
mod vanishing;
