//! An event that the application sends.

use crate::config::Protocol;
use crate::frame::Frame;
use crate::socket::encode::{self, Manner, Parts};
use crate::socket::{Nsp, to_json};
use alloc::borrow::Cow;
use bytes::Bytes;
use serde::Serialize;

/// An event that is to be sent: a name, arguments, attachments, and how much it matters.
#[derive(Clone, Debug)]
pub struct Emit<'a> {
    pub(crate) name: Cow<'a, str>,
    /// JSON values with commas between them.
    pub(crate) args: Cow<'a, str>,
    pub(crate) attachments: &'a [Bytes],
    pub(crate) volatile: bool,
    pub(crate) recoverable: bool,
    pub(crate) compress: bool,
}

impl<'a> Emit<'a> {
    /// An event without arguments.
    #[must_use]
    pub fn new(name: impl Into<Cow<'a, str>>) -> Self {
        Self {
            name: name.into(),
            args: Cow::Borrowed(""),
            attachments: &[],
            volatile: false,
            recoverable: true,
            compress: true,
        }
    }

    /// The same with one more argument. A value that can not be JSON (a map whose keys are no strings) is sent as `null`.
    #[must_use]
    pub fn arg(self, value: &(impl Serialize + ?Sized)) -> Self {
        self.more(Cow::Owned(to_json(value)))
    }

    /// The same with more arguments: JSON values with commas between them, in which attachment `n` stands as
    /// `{"_placeholder":true,"num":n}`.
    ///
    /// They are not checked: it is meant for what [`Event::args_json`](crate::Event::args_json) gave, or serde_json
    /// wrote.
    #[must_use]
    pub fn args_json(self, args: impl Into<Cow<'a, str>>) -> Self {
        let args = args.into();
        if args.is_empty() { self } else { self.more(args) }
    }

    fn more(mut self, args: Cow<'a, str>) -> Self {
        if self.args.is_empty() {
            self.args = args;
        } else {
            let all = self.args.to_mut();
            all.push(',');
            all.push_str(&args);
        }
        self
    }

    /// The same with attachments.
    #[must_use]
    pub fn attachments(mut self, attachments: &'a [Bytes]) -> Self {
        self.attachments = attachments;
        self
    }

    /// The same, but whoever can not take it at once (no poll waiting, or something still unsent) does without it, and nobody
    /// gets it later. If its last argument is a string, or it has none, clients of a server with recovery take that, or its
    /// name, for their place: who is cut off just then comes back as somebody new, as in the reference.
    #[must_use]
    pub fn volatile(mut self) -> Self {
        self.volatile = true;
        self
    }

    /// The same, but for those who are here now: who comes back later is not told. For what will be out of date then, like
    /// who has come and gone. Without [recovery](crate::Config::recovery) there is no difference.
    #[must_use]
    pub fn not_recoverable(mut self) -> Self {
        self.recoverable = false;
        self
    }

    /// The same, not worth compressing in the answer to a poll.
    #[must_use]
    pub fn uncompressed(mut self) -> Self {
        self.compress = false;
        self
    }

    /// The event as it is sent to the clients of a namespace: what [`Delivery::Emit`](crate::Delivery::Emit) wants of whoever
    /// drives shards without a [`Hub`](crate::Hub).
    #[must_use]
    pub fn frame(&self, protocol: Protocol, nsp: &Nsp) -> Frame {
        self.encode(protocol, nsp, Manner::default())
    }

    pub(crate) fn encode(&self, protocol: Protocol, nsp: &Nsp, manner: Manner<'_>) -> Frame {
        let Self { name, args, attachments, volatile, compress, .. } = self;
        let mut frame = encode::event(protocol, nsp, Parts { name, args, attachments }, manner);
        if *volatile {
            frame = frame.volatile();
        }
        if *compress { frame } else { frame.uncompressed() }
    }

    /// Whether a client could take what it says last for an offset: it is a string, as the name is where there are no
    /// arguments.
    pub(crate) fn ends_in_string(&self) -> bool {
        self.args.is_empty() || self.args.trim_end().ends_with('"')
    }
}
