//! The ids of sessions: 128 random bits each, from whoever starts the server, asked for many at a time.

use crate::sync::lock;
use sanket::driver::{NewSession, Opening, RequestError, Sid};
use sanket::{Handshake, Revision};
use std::fmt;
use std::sync::{Arc, Mutex};

/// Sessions that one question is enough for.
const SESSIONS: usize = 32;

/// Fills a buffer with random bytes that nobody can guess; says whether it could.
pub type Fill = Box<dyn Fn(&mut [u8]) -> bool + Send + Sync>;

/// Where ids come from.
pub(super) struct Entropy {
    fill: Fill,
    /// What nobody has used yet.
    unused: Mutex<Vec<[[u8; 16]; 3]>>,
}

impl Entropy {
    pub(super) fn new(fill: Fill) -> Self {
        Self { fill, unused: Mutex::default() }
    }

    /// A session with ids of its own.
    pub(super) fn session(
        &self,
        revision: Revision,
        opening: Opening,
        handshake: Arc<Handshake>,
    ) -> Result<NewSession, RequestError> {
        let ids = self.ids().ok_or_else(|| {
            log::error!("there are no random numbers for the ids of a session");
            RequestError::Full
        })?;
        let [sid, public, private] = ids.map(Sid::from_bytes);
        Ok(NewSession { sid, public, private, revision, opening, handshake: Some(handshake) })
    }

    fn ids(&self) -> Option<[[u8; 16]; 3]> {
        let mut unused = lock(&self.unused);
        if unused.is_empty() {
            let mut bytes = [[[0; 16]; 3]; SESSIONS];
            if !(self.fill)(bytes.as_flattened_mut().as_flattened_mut()) {
                return None;
            }
            unused.extend_from_slice(&bytes);
        }
        unused.pop()
    }
}

impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entropy").finish_non_exhaustive()
    }
}
