//! A server and its clients in virtual time, with the types that production runs. One seed determines everything: who
//! connects over which transport, what they send, how long the network takes, which connections it breaks, and whether
//! the server notices. Everything is checked at every step, and the trace is reduced to one number.
//!
//! ```text
//! run ── agenda: what happens when ── person: what a client knows and does
//!   └──── server, hub: the real ones ──── talk: the application
//! ```

mod agenda;
mod bytes;
mod person;
mod run;
mod talk;

pub use bytes::ByteSimulation;
pub use run::{Figures, Simulation};

use std::fmt;

/// What is to be simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// How many people there are. They are in rooms of a hundred.
    pub clients: usize,
    /// Virtual minutes.
    pub minutes: u64,
    /// Decides everything that is left to chance.
    pub seed: u64,
    /// Messages a second, all people together.
    pub messages: u64,
    /// In the middle everybody's connection breaks, and they all come back within ten seconds.
    pub storm: bool,
    /// What the network does to connections, and whether those who lost one come back where they were.
    pub cuts: Option<Cuts>,
}

impl fmt::Display for Plan {
    /// The command that plays it again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { clients, minutes, seed, messages, storm, cuts } = self;
        f.write_str("cargo run --release -p sanket-tests --example simulate -- ")?;
        write!(f, "--clients {clients} --minutes {minutes} --seed {seed} --messages {messages}")?;
        if *storm {
            f.write_str(" --storm")?;
        }
        if let Some(Cuts { life, away, silent }) = cuts {
            write!(f, " --cuts --life {life} --away {away} --silent {silent}")?;
        }
        Ok(())
    }
}

/// How connections end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cuts {
    /// Mean seconds that a connection lives.
    pub life: u64,
    /// Seconds that somebody is away at most.
    pub away: u64,
    /// Of a hundred, how many connections are not closed but fall silent: the server goes on believing in them.
    pub silent: u8,
}
