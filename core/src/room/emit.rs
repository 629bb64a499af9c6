//! An event that the application sends.

use crate::config::Protocol;
use crate::frame::Frame;
use crate::socket::encode::{self, EncodeOptions, EventParts};
use crate::socket::{Nsp, to_json};
use alloc::borrow::Cow;
use bytes::Bytes;
use serde::Serialize;

/// An event to be sent: a name, arguments, attachments and options.
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

    /// Adds an argument. A value that cannot be JSON (a map with keys that are not strings) is sent as `null`.
    #[must_use]
    pub fn arg(self, value: &(impl Serialize + ?Sized)) -> Self {
        self.more(Cow::Owned(to_json(value)))
    }

    /// Adds arguments: JSON values with commas between them. Attachment `n` stands in them as
    /// `{"_placeholder":true,"num":n}`.
    ///
    /// They are not checked. They should come from [`Event::args_json`](crate::Event::args_json) or serde_json.
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

    /// Sets the attachments.
    #[must_use]
    pub fn attachments(mut self, attachments: &'a [Bytes]) -> Self {
        self.attachments = attachments;
        self
    }

    /// Drops the event for clients that cannot take it at once (no poll is waiting, or something is still unsent); they
    /// do not get it later. With recovery, clients take the last argument for the offset if it is a string, or the name
    /// if there is no argument. A client that loses its connection after such an event gets a new socket when it
    /// reconnects, as in the reference.
    #[must_use]
    pub fn volatile(mut self) -> Self {
        self.volatile = true;
        self
    }

    /// Keeps the event out of the recovery log: clients that reconnect do not get it. For events that will be outdated
    /// then. Without [recovery](crate::Config::recovery) it makes no difference.
    #[must_use]
    pub fn not_recoverable(mut self) -> Self {
        self.recoverable = false;
        self
    }

    /// Marks the event as not worth compressing in the response to a poll.
    #[must_use]
    pub fn uncompressed(mut self) -> Self {
        self.compress = false;
        self
    }

    /// The frame that is sent to the clients of a namespace, for [`Delivery::Emit`](crate::driver::Delivery::Emit) in drivers
    /// without a [`Hub`](crate::driver::Hub).
    #[must_use]
    pub fn frame(&self, protocol: Protocol, nsp: &Nsp) -> Frame {
        self.encode(protocol, nsp, EncodeOptions::default())
    }

    pub(crate) fn encode(&self, protocol: Protocol, nsp: &Nsp, options: EncodeOptions<'_>) -> Frame {
        let Self { name, args, attachments, volatile, compress, .. } = self;
        let mut frame = encode::event(protocol, nsp, EventParts { name, args, attachments }, options);
        if *volatile {
            frame = frame.volatile();
        }
        if *compress { frame } else { frame.uncompressed() }
    }

    /// Whether a client could take the last argument for an offset: it is a string, or there is none, and the name is
    /// taken.
    pub(crate) fn ends_in_string(&self) -> bool {
        self.args.is_empty() || self.args.trim_end().ends_with('"')
    }
}
