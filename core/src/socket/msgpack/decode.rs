//! Decodes MessagePack to JSON. Without recursion, and without trust in any length.

use super::{Decoded, Error, Limits};
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt::Write as _;
use rmp::decode::Bytes as Input;
use rmp::{Marker, decode as read};

/// Decodes a message.
pub(crate) fn decode(bytes: &[u8], limits: &Limits) -> Result<Decoded, Error> {
    let mut reader = Reader { input: Input::new(bytes) };
    let Value::Map(members) = reader.value()? else { return Err(Error::Shape) };
    let (mut kind, mut nsp, mut id, mut data) = (None, None, None, None);
    for _ in 0..members {
        match reader.value()? {
            Value::String("type") => kind = Some(reader.value()?.kind()?),
            Value::String("nsp") => nsp = Some(reader.value()?.nsp()?),
            Value::String("id") => id = reader.value()?.id()?,
            Value::String("data") => data = transcode(&mut reader, limits)?,
            Value::String(_) | Value::Integer(_) => reader.skip()?,
            _ => return Err(Error::Type),
        }
    }
    if !reader.input.remaining_slice().is_empty() {
        return Err(Error::Trailing);
    }
    let (data, attachments) = data.map_or((None, Vec::new()), |(json, attachments)| (Some(json), attachments));
    Ok(Decoded { kind: kind.ok_or(Error::Shape)?, nsp: nsp.ok_or(Error::Shape)?.into(), id, data, attachments })
}

/// A value, or the beginning of a container.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Value<'a> {
    Null,
    Undefined,
    Bool(bool),
    Integer(i128),
    Float(f64),
    String(&'a str),
    Binary(&'a [u8]),
    /// Milliseconds since 1970.
    Date(i64),
    /// An array of so many elements.
    Array(u32),
    /// A map of so many members.
    Map(u32),
}

impl<'a> Value<'a> {
    fn kind(self) -> Result<u8, Error> {
        match self {
            Self::Integer(kind) => u8::try_from(kind).ok().filter(|kind| *kind <= 4).ok_or(Error::Shape),
            _ => Err(Error::Shape),
        }
    }

    fn nsp(self) -> Result<&'a str, Error> {
        match self {
            Self::String(nsp) if nsp.starts_with('/') => Ok(nsp),
            _ => Err(Error::Shape),
        }
    }

    fn id(self) -> Result<Option<u64>, Error> {
        match self {
            Self::Null | Self::Undefined => Ok(None),
            Self::Integer(id) => u64::try_from(id).map(Some).map_err(|_| Error::Shape),
            _ => Err(Error::Shape),
        }
    }
}

/// The application extensions that notepack uses: undefined, dates and array buffers, which differ in length.
const NOTEPACK: i8 = 0;

struct Reader<'a> {
    input: Input<'a>,
}

impl<'a> Reader<'a> {
    /// Reads a value, or the beginning of a container. Every element takes a byte at least, so a container with more
    /// elements than there are bytes is refused before memory is reserved for it.
    fn value(&mut self) -> Result<Value<'a>, Error> {
        use Marker as M;
        let marker = Marker::from_u8(*self.input.remaining_slice().first().ok_or(Error::Truncated)?);
        let input = &mut self.input;
        Ok(match marker {
            M::Null => self.take(1).map(|_| Value::Null)?,
            M::False => self.take(1).map(|_| Value::Bool(false))?,
            M::True => self.take(1).map(|_| Value::Bool(true))?,
            M::FixPos(_) | M::FixNeg(_) | M::U8 | M::U16 | M::U32 | M::U64 | M::I8 | M::I16 | M::I32 | M::I64 => {
                Value::Integer(read::read_int(input).map_err(|_| Error::Truncated)?)
            }
            M::F32 => Value::Float(read::read_f32(input).map_err(|_| Error::Truncated)?.into()),
            M::F64 => Value::Float(read::read_f64(input).map_err(|_| Error::Truncated)?),
            M::FixStr(_) | M::Str8 | M::Str16 | M::Str32 => {
                let length = read::read_str_len(input).map_err(|_| Error::Truncated)?;
                Value::String(core::str::from_utf8(self.take(length)?).map_err(|_| Error::Utf8)?)
            }
            M::Bin8 | M::Bin16 | M::Bin32 => {
                let length = read::read_bin_len(input).map_err(|_| Error::Truncated)?;
                Value::Binary(self.take(length)?)
            }
            M::FixArray(_) | M::Array16 | M::Array32 => {
                let length = read::read_array_len(input).map_err(|_| Error::Truncated)?;
                self.expect(u64::from(length))?;
                Value::Array(length)
            }
            M::FixMap(_) | M::Map16 | M::Map32 => {
                let length = read::read_map_len(input).map_err(|_| Error::Truncated)?;
                self.expect(2 * u64::from(length))?;
                Value::Map(length)
            }
            M::FixExt1 | M::FixExt2 | M::FixExt4 | M::FixExt8 | M::FixExt16 | M::Ext8 | M::Ext16 | M::Ext32 => {
                let meta = read::read_ext_meta(input).map_err(|_| Error::Truncated)?;
                extension(marker, meta.typeid, self.take(meta.size)?)?
            }
            M::Reserved => return Err(Error::Type),
        })
    }

    fn take(&mut self, length: u32) -> Result<&'a [u8], Error> {
        let length = usize::try_from(length).map_err(|_| Error::Truncated)?;
        let (taken, rest) = self.input.remaining_slice().split_at_checked(length).ok_or(Error::Truncated)?;
        self.input = Input::new(rest);
        Ok(taken)
    }

    /// Checks that there are bytes for so many values.
    fn expect(&self, values: u64) -> Result<(), Error> {
        let left = self.input.remaining_slice().len();
        if usize::try_from(values).is_ok_and(|values| values <= left) { Ok(()) } else { Err(Error::Truncated) }
    }

    /// Skips a value with everything in it.
    fn skip(&mut self) -> Result<(), Error> {
        // The number of values to be skipped, on all levels together.
        let mut left = 1_u64;
        while let Some(after) = left.checked_sub(1) {
            left = after
                + match self.value()? {
                    Value::Array(elements) => elements.into(),
                    Value::Map(members) => 2 * u64::from(members),
                    _ => 0,
                };
            self.expect(left)?;
        }
        Ok(())
    }
}

/// If the marker contains the length, type 0 is undefined or a date. If the length follows it, type 0 is an array
/// buffer, as Node sends it; browsers send those as binary.
fn extension(marker: Marker, kind: i8, data: &[u8]) -> Result<Value<'_>, Error> {
    match (marker, kind, data) {
        (Marker::FixExt1, NOTEPACK, _) => Ok(Value::Undefined),
        (Marker::FixExt8, NOTEPACK, millis) => {
            Ok(Value::Date(i64::from_be_bytes(millis.try_into().map_err(|_| Error::Truncated)?)))
        }
        (Marker::Ext8 | Marker::Ext16 | Marker::Ext32, NOTEPACK, buffer) => Ok(Value::Binary(buffer)),
        _ => Err(Error::Type),
    }
}

/// Writes the next value as JSON. Nothing if it is undefined.
fn transcode(reader: &mut Reader<'_>, limits: &Limits) -> Result<Option<(String, Vec<Bytes>)>, Error> {
    let mut json = Json { text: String::new(), attachments: Vec::new(), levels: Vec::new() };
    let mut value = reader.value()?;
    match value {
        Value::Undefined => return Ok(None),
        // A packet's data is never bytes alone. As a placeholder it would look like an object.
        Value::Binary(_) => return Err(Error::Shape),
        _ => {}
    }
    loop {
        json.value(value, limits)?;
        if !json.advance(reader)? {
            break;
        }
        value = reader.value()?;
    }
    Ok(Some((json.text, json.attachments)))
}

/// JSON while it is written.
struct Json {
    text: String,
    attachments: Vec<Bytes>,
    /// The open containers, the innermost last.
    levels: Vec<Level>,
}

struct Level {
    /// The number of elements or members to come.
    left: u32,
    close: char,
}

impl Json {
    fn value(&mut self, value: Value<'_>, limits: &Limits) -> Result<(), Error> {
        // Writing to a `String` does not fail.
        match value {
            Value::Null | Value::Undefined => self.text.push_str("null"),
            Value::Bool(true) => self.text.push_str("true"),
            Value::Bool(false) => self.text.push_str("false"),
            Value::Integer(number) => drop(write!(self.text, "{number}")),
            // The shortest digits of the same number; with an exponent instead of many zeros.
            Value::Float(number) if number.is_finite() => drop(write!(self.text, "{number:?}")),
            Value::Float(_) => self.text.push_str("null"),
            Value::String(string) => push_string(&mut self.text, string),
            Value::Date(millis) => push_date(&mut self.text, millis),
            Value::Binary(data) => {
                let num = self.attachments.len();
                if num >= limits.max_attachments {
                    return Err(Error::Attachments);
                }
                self.attachments.push(Bytes::copy_from_slice(data));
                let _ = write!(self.text, r#"{{"_placeholder":true,"num":{num}}}"#);
            }
            Value::Array(_) | Value::Map(_) if self.levels.len() >= limits.max_depth => return Err(Error::Depth),
            Value::Array(left) => self.open('[', Level { left, close: ']' }),
            Value::Map(left) => self.open('{', Level { left, close: '}' }),
        }
        Ok(())
    }

    fn open(&mut self, bracket: char, level: Level) {
        self.text.push(bracket);
        self.levels.push(level);
    }

    /// Closes all containers that are complete, and prepares for the next value. Returns whether there is one.
    fn advance(&mut self, reader: &mut Reader<'_>) -> Result<bool, Error> {
        while let Some(level) = self.levels.last_mut() {
            if let Some(left) = level.left.checked_sub(1) {
                level.left = left;
                let is_map = level.close == '}';
                // The text ends in an opening bracket only when a container has just begun.
                if !self.text.ends_with(['[', '{']) {
                    self.text.push(',');
                }
                if is_map {
                    self.key(reader.value()?)?;
                }
                return Ok(true);
            }
            self.text.push(level.close);
            self.levels.pop();
        }
        Ok(false)
    }

    fn key(&mut self, key: Value<'_>) -> Result<(), Error> {
        match key {
            // A client's own key of this name is no placeholder. It is written so that `encode` can tell it from a
            // real one.
            Value::String("_placeholder") => self.text.push_str(r#""\u005fplaceholder""#),
            Value::String(key) => push_string(&mut self.text, key),
            // Writing to a `String` does not fail.
            Value::Integer(key) => drop(write!(self.text, "\"{key}\"")),
            _ => return Err(Error::Type),
        }
        self.text.push(':');
        Ok(())
    }
}

fn push_string(text: &mut String, string: &str) {
    if string.bytes().any(|byte| byte < b' ' || matches!(byte, b'"' | b'\\')) {
        // A string can always be written as JSON.
        text.push_str(&serde_json::to_string(string).unwrap_or_default());
    } else {
        text.push('"');
        text.push_str(string);
        text.push('"');
    }
}

/// Writes a date as JavaScript's `toJSON`: ISO 8601 with milliseconds, or null beyond 100,000,000 days from 1970.
pub(super) fn push_date(text: &mut String, millis: i64) {
    const DAY: i64 = 86_400_000;
    if millis.unsigned_abs() > 100_000_000 * DAY.unsigned_abs() {
        text.push_str("null");
        return;
    }
    let (days, millis) = (millis.div_euclid(DAY), millis.rem_euclid(DAY));
    let (year, month, day) = civil(days);
    // Writing to a `String` does not fail.
    let _ = match year {
        0..=9999 => write!(text, "\"{year:04}"),
        _ => write!(text, "\"{year:+07}"),
    };
    let (hour, minute) = (millis / 3_600_000, millis / 60_000 % 60);
    let (second, milli) = (millis / 1_000 % 60, millis % 1_000);
    let _ = write!(text, "-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z\"");
}

/// Year, month and day of a day since 1970, in the Gregorian calendar. Years are counted from March, so that a leap day
/// is the last of its year. 400 years always have the same number of days.
fn civil(days: i64) -> (i64, i64, i64) {
    const DAYS_400: i64 = 146_097;
    const DAYS_100: i64 = 36_524;
    const DAYS_4: i64 = 1_461;
    // From March of the year 0.
    let days = days + 719_468;
    let day = days.rem_euclid(DAYS_400);
    let year = (day - day / (DAYS_4 - 1) + day / DAYS_100 - day / (DAYS_400 - 1)) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // Five months from March on have 153 days.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let year = year + 400 * days.div_euclid(DAYS_400);
    if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) }
}
