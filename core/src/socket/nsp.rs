//! The name of a namespace. Cheap to clone; the usual one, `/`, takes no allocation.

use alloc::sync::Arc;
use core::fmt;

/// The name of a namespace. It begins with `/`.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nsp(Option<Arc<str>>);

impl Nsp {
    /// `/`.
    pub const ROOT: Self = Self(None);

    /// A namespace by its name. If the name does not begin with `/`, one is put before it, as the reference's `of()`
    /// does.
    #[must_use]
    pub fn new(name: &str) -> Self {
        match name {
            "" | "/" => Self::ROOT,
            name if name.starts_with('/') => Self(Some(name.into())),
            name => Self(Some(alloc::format!("/{name}").into())),
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or("/")
    }

    /// Whether it is `/`.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_none()
    }
}

impl fmt::Display for Nsp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Nsp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}
