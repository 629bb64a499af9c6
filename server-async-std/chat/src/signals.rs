//! The signals that ask the program to end, and those that would end it though nobody meant that.

use async_signal::{Signal, Signals};
use futures_lite::StreamExt as _;
use std::io;

/// Other programs send these to make one read its files anew, which this one has no need of. By default they end a process.
#[cfg(unix)]
const IGNORED: [Signal; 3] = [Signal::Hup, Signal::Usr1, Signal::Usr2];
#[cfg(not(unix))]
const IGNORED: [Signal; 0] = [];

/// The requests to end, one after another.
#[derive(Debug)]
pub(crate) struct Requests(Signals);

impl Requests {
    /// From now on no signal of those that are handled here ends the process.
    pub(crate) fn new() -> io::Result<Self> {
        Signals::new([Signal::Term, Signal::Int].into_iter().chain(IGNORED)).map(Self)
    }

    /// The name of the next signal that asks the program to end. Others are logged.
    pub(crate) async fn next(&mut self) -> &'static str {
        loop {
            match self.0.next().await {
                Some(Ok(Signal::Int)) => return "SIGINT",
                Some(Ok(Signal::Term)) => return "SIGTERM",
                Some(Ok(signal)) => log::info!("{}: nothing to reload", name(signal)),
                // The pipe that signals come through is broken: without it the program would never end.
                Some(Err(_)) | None => return "no more signals",
            }
        }
    }
}

fn name(signal: Signal) -> &'static str {
    match signal {
        Signal::Hup => "SIGHUP",
        Signal::Usr1 => "SIGUSR1",
        Signal::Usr2 => "SIGUSR2",
        _ => "a signal",
    }
}
