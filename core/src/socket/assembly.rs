//! A packet whose attachments are still on their way, and the byte budget for them. Knows no limits but those it is given.

use super::event::Event;
use crate::config::Config;

/// A packet with attachments owed.
#[derive(Debug)]
pub(crate) struct Assembly {
    pub(crate) serial: u32,
    pub(crate) purpose: Purpose,
    pub(crate) received: Event,
    owed: usize,
    bytes: usize,
}

/// What a packet is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    Event,
    /// It answers the event of this id; one without an id answers nothing, but its attachments are owed all the same.
    Answer(Option<u64>),
}

impl Assembly {
    pub(crate) fn new(serial: u32, purpose: Purpose, received: Event, owed: usize) -> Self {
        Self { serial, purpose, received, owed, bytes: 0 }
    }

    /// Takes an attachment. `Err` where it is too much.
    pub(crate) fn add(&mut self, data: &[u8], config: &Config) -> Result<(), TooMuch> {
        self.bytes = self.bytes.saturating_add(data.len());
        if self.bytes > config.max_attached {
            return Err(TooMuch);
        }
        self.received.attach(data);
        Ok(())
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.received.attachments().len() >= self.owed
    }
}

/// More bytes than [`Config::max_attached`].
#[derive(Debug)]
pub(crate) struct TooMuch;
