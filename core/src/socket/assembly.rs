//! A packet whose attachments are still on their way, and the byte budget for them. Knows no limits but those it is given.

use crate::config::Config;
use alloc::boxed::Box;
use alloc::vec::Vec;
use bytes::Bytes;

/// A packet with attachments owed.
#[derive(Debug)]
pub(crate) struct Assembly {
    pub(crate) serial: u32,
    pub(crate) id: Option<u64>,
    /// An ACK, not an EVENT.
    pub(crate) is_ack: bool,
    pub(crate) json: Box<str>,
    owed: usize,
    attachments: Vec<Bytes>,
    bytes: usize,
}

impl Assembly {
    pub(crate) fn new(serial: u32, id: Option<u64>, is_ack: bool, json: Box<str>, owed: usize) -> Self {
        Self { serial, id, is_ack, json, owed, attachments: Vec::new(), bytes: 0 }
    }

    /// Takes an attachment, copied to its own size so that no read buffer is kept alive. `Err` where it is too much.
    pub(crate) fn add(&mut self, data: &[u8], config: &Config) -> Result<(), TooMuch> {
        self.bytes = self.bytes.saturating_add(data.len());
        if self.bytes > config.max_attached {
            return Err(TooMuch);
        }
        self.attachments.push(Bytes::copy_from_slice(data));
        Ok(())
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.attachments.len() >= self.owed
    }

    pub(crate) fn into_parts(self) -> (u32, Option<u64>, bool, Box<str>, Vec<Bytes>) {
        (self.serial, self.id, self.is_ack, self.json, self.attachments)
    }
}

/// More bytes than [`Config::max_attached`].
#[derive(Debug)]
pub(crate) struct TooMuch;
