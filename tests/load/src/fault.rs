//! What ends a run: the server did something that it should not have done, or did not do what it should have.

use std::fmt;

/// Why a run can not go on, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault(String);

/// What most functions here return.
pub type Result<T> = std::result::Result<T, Fault>;

impl Fault {
    /// A fault with its story.
    #[must_use]
    pub fn new(story: impl Into<String>) -> Self {
        Self(story.into())
    }

    /// The same, with where it happened.
    #[must_use]
    pub fn at(self, place: impl fmt::Display) -> Self {
        Self(format!("{place}: {}", self.0))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fault {}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}
