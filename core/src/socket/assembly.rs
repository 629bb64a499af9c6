//! A packet whose attachments have not all arrived, and the limit on their bytes.

use super::event::Event;
use crate::config::Config;

/// A packet that waits for attachments.
#[derive(Debug)]
pub(crate) struct Assembly {
    pub(crate) serial: u32,
    pub(crate) purpose: Purpose,
    pub(crate) event: Event,
    owed: usize,
    bytes: usize,
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
    pub(crate) fn new(serial: u32, purpose: Purpose, event: Event, owed: usize) -> Self {
        Self { serial, purpose, event, owed, bytes: 0 }
    }

    /// Adds an attachment. `Err` if the attachments exceed the limit.
    pub(crate) fn add(&mut self, data: &[u8], config: &Config) -> Result<(), TooMuch> {
        self.bytes = self.bytes.saturating_add(data.len());
        if self.bytes > config.max_attached {
            return Err(TooMuch);
        }
        self.event.attach(data);
        Ok(())
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.event.attachments().len() >= self.owed
    }
}

/// The attachments have more bytes than [`Config::max_attached`].
#[derive(Debug)]
pub(crate) struct TooMuch;
