//! What a handler returns.

use super::arguments::{Written, write};
use super::error::Error;
use alloc::string::String;
use alloc::vec::Vec;
use serde::Serialize;

/// What a handler returns: the arguments of the acknowledgement, if the client asked for one.
///
/// - `()`: an acknowledgement without arguments.
/// - `Result<T, Error>`: one with `T`, any value that serializes: one argument, or several if it is a tuple. Or with the [`Error`].
/// - Numbers, strings, `bool`, `Vec`, `Option`, [`serde_json::Value`], [`Binary`](super::Binary): one with that.
///
/// A handler that has taken the right to acknowledge ([`Cx::take_ack`](super::Cx::take_ack)) acknowledges later; what it returns is
/// dropped.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be returned by a handler, which is `|cx, arguments| -> ()` or `-> Result<impl Serialize, sanket::router::Error>`",
    label = "a handler returns `()`, `Result<T, Error>` with a `T` that serializes, or a simple value",
    note = "end the handler with `Ok(value)`, where `value` serializes, to acknowledge with it"
)]
pub trait Reply {
    /// The arguments of the acknowledgement, if one is wanted.
    #[doc(hidden)]
    fn into_outcome(self, wanted: bool) -> Outcome;
}

/// How a handler has ended.
#[doc(hidden)]
#[derive(Debug)]
pub struct Outcome(pub(crate) Result<Option<Written>, Error>);

impl Reply for () {
    fn into_outcome(self, wanted: bool) -> Outcome {
        Outcome(Ok(wanted.then(Written::default)))
    }
}

impl<T: Serialize> Reply for Result<T, Error> {
    fn into_outcome(self, wanted: bool) -> Outcome {
        match self {
            Ok(value) => value_outcome(&value, wanted),
            Err(error) => Outcome(Err(error)),
        }
    }
}

fn value_outcome(value: &(impl Serialize + ?Sized), wanted: bool) -> Outcome {
    if !wanted {
        return Outcome(Ok(None));
    }
    Outcome(write(value).map(Some).map_err(|error| Error::value(&error)))
}

macro_rules! values {
    ($({$($generic:tt)*} $type:ty),* $(,)?) => {
        $(impl<$($generic)*> Reply for $type {
            fn into_outcome(self, wanted: bool) -> Outcome {
                value_outcome(&self, wanted)
            }
        })*
    };
}

values! {
    {} bool, {} char, {} u8, {} u16, {} u32, {} u64, {} usize, {} i8, {} i16, {} i32, {} i64, {} isize, {} f32, {} f64,
    {} String, {} &'static str, {} serde_json::Value, {} super::Binary, {T: Serialize} Vec<T>, {T: Serialize} Option<T>,
}
