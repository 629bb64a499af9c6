//! A packet whose attachments have not all arrived, and the limits on its bytes.

use super::event::Event;
use crate::config::Config;
use crate::population::{Incomplete, Population};
use crate::stats::Limit;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A packet that waits for attachments.
#[derive(Debug)]
pub(crate) struct Assembly {
    pub(crate) serial: u32,
    pub(crate) purpose: Purpose,
    pub(crate) event: Event,
    owed: usize,
    /// The bytes of the attachments.
    bytes: usize,
    /// The bytes of all of it, among those of all sessions. Nothing if it is only kept to know what is owed.
    incomplete: Option<Incomplete>,
}

/// What a packet is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    Event,
    /// An acknowledgement of the event with this id. Without an id it acknowledges nothing, but its attachments follow
    /// all the same.
    Answer(Option<u64>),
}

impl Assembly {
    /// A packet that has arrived without its attachments. `Err` if there is no room for it.
    pub(crate) fn new(
        serial: u32,
        purpose: Purpose,
        event: Event,
        owed: usize,
        (population, config): (&Arc<Population>, &Config),
    ) -> Result<Self, TooMuch> {
        let mut incomplete = Incomplete::new(population.clone());
        incomplete.add(event.json().len(), config).map_err(TooMuch::Together)?;
        Ok(Self { serial, purpose, event, owed, bytes: 0, incomplete: Some(incomplete) })
    }

    /// Adds an attachment. `Err` if the attachments exceed a limit.
    pub(crate) fn add(&mut self, data: &[u8], config: &Config) -> Result<(), TooMuch> {
        self.bytes = self.bytes.saturating_add(data.len());
        if self.bytes > config.max_attached {
            return Err(TooMuch::Attached);
        }
        if let Some(incomplete) = &mut self.incomplete {
            incomplete.add(data.len(), config).map_err(TooMuch::Together)?;
        }
        self.event.attach(data);
        Ok(())
    }

    /// Its socket is gone: nobody gets it. Whatever attachment comes next is not allowed.
    pub(crate) fn forget(&mut self) {
        self.event = Event::acknowledgement("".into(), Vec::new());
        self.incomplete = None;
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.event.attachments().len() >= self.owed
    }
}

/// The packet has more bytes than it may have.
#[derive(Debug)]
pub(crate) enum TooMuch {
    /// Its attachments have more than [`Config::max_attached`].
    Attached,
    /// With those of other sessions it has more than this allows.
    Together(Limit),
}
