//! What a connection has to be written: what is to be sent is taken from the shard and handed to the socket, and afterwards the
//! driver knows what to wait for, and the host when to look.

use super::agenda::Work;
use super::exchange::Exchange;
use super::held::Held;
use super::socket::Interest;
use std::io;
use std::sync::atomic::Ordering;

/// Bytes taken from a shard and sent at a time.
const WRITE_BATCH: usize = 64 << 10;
/// Batches sent to one client before others get their turn.
pub(super) const WRITE_ROUNDS: usize = 16;
/// How often a connection is advanced and written to in one go: once for each request that a client has sent ahead.
const ADVANCES: usize = 512;

impl Held<'_> {
    /// Advances the connection and writes, again and again while that makes a difference.
    pub(super) fn go_on(&mut self) {
        for _ in 0..ADVANCES {
            // A session's first packet goes before whatever its client has sent behind the handshake.
            if self.state.is_ready && !self.state.is_blocked {
                self.transmit();
            }
            let has_opened = self.advance();
            if !self.write() && !has_opened {
                break;
            }
        }
        self.settle();
    }

    /// Writes what there is, as far as the socket takes it. Returns whether it took something.
    fn write(&mut self) -> bool {
        let (mut wrote, mut has_told) = (false, false);
        let state = &mut *self.state;
        while !state.is_blocked {
            let bytes = state.connection.transmit();
            if bytes.is_empty() {
                break;
            }
            let written = match state.is_broken {
                true => Ok(bytes.len()),
                false => self.line.socket.try_write(bytes, state.connection.ends_after_transmit()),
            };
            match written {
                Ok(n) => {
                    self.agenda.tally.bytes_sent += if state.is_broken { 0 } else { n as u64 };
                    state.is_blocked = n < bytes.len() && n == 0;
                    state.connection.transmitted(n, self.agenda.now);
                    wrote = true;
                }
                // It may take more before the driver knows that this is waited for: so it is asked once more when it does.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && !has_told => {
                    has_told = true;
                    let writes = Interest { write: true, ..Interest::default() };
                    self.line.interest.fetch_or(writes.to_bits(), Ordering::SeqCst);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => state.is_blocked = true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => state.is_broken = true,
            }
        }
        wrote
    }

    /// After every change: the host knows the next deadline, and the driver what to wait for.
    pub(super) fn settle(&mut self) {
        let (shared, state) = (self.shared, &mut *self.state);
        state.connection.swap_buffer(&mut self.agenda.memory.bytes);
        let deadlines = [state.connection.poll_timeout(), state.exchange.poll_timeout(), state.throttled_until];
        let due = deadlines.into_iter().flatten().min();
        if let Some(due) = due
            && state.look.is_none_or(|look| due < look.at())
        {
            let earlier = state.look.replace(shared.deadlines.arm(due, self.line));
            earlier.into_iter().for_each(|look| shared.deadlines.disarm(look));
            self.agenda.due(due);
        }
        let interest = state.interest();
        let bits = interest.to_bits();
        if self.line.interest.load(Ordering::Relaxed) != bits {
            self.line.interest.store(bits, Ordering::Release);
            if self.wakes && !self.line.is_gone.load(Ordering::Acquire) {
                self.line.socket.wake(interest);
            }
        }
    }

    /// Sends what the shard has for the WebSocket, until it has no more or the socket takes no more.
    pub(super) fn transmit(&mut self) {
        let Exchange::WebSocket { key, id, .. } = self.state.exchange else {
            self.state.is_ready = false;
            return;
        };
        for _ in 0..WRITE_ROUNDS {
            if !self.state.connection.transmit().is_empty() && !self.write() || self.state.is_blocked {
                return;
            }
            let mut messages = std::mem::take(&mut self.agenda.memory.messages);
            self.state.is_ready = self.shared.sessions.transmit(self.agenda, key, id, WRITE_BATCH, &mut messages);
            self.state.connection.send(messages.drain(..), self.agenda.now);
            self.agenda.memory.messages = messages;
            self.write();
            if !self.state.is_ready {
                return;
            }
        }
        // There is more, after the others' turn.
        let waiter = self.waiter();
        self.agenda.push(Work::Send(waiter));
    }
}
