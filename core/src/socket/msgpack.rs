//! The other encoding of Socket.IO packets: a whole packet is one binary message, a msgpack map of `type`, `data`, `nsp`
//! and `id`, as socket.io-msgpack-parser 3 has it. What is inside of `data` is turned into JSON text with placeholders,
//! and back, so that nobody else has to know. Knows what bytes mean, not which packets make sense.

use super::json::{self, Open, Token, Tokens};
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt::Write as _;
use rmp::decode::Bytes as Input;
use rmp::encode::ByteBuf;
use rmp::{Marker, decode as read, encode as write};

/// What is taken at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How deep arrays and maps in `data` are nested.
    pub(crate) max_depth: usize,
    /// How many pieces of binary `data` has.
    pub(crate) max_attachments: usize,
}

/// A packet. A byte of the message makes at most 6 of JSON (`\u0000`), for which a growing string may hold 12; an
/// attachment makes its placeholder, a handle, and as many bytes as it has. While it is decoded, 8 bytes are held for each
/// level of depth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decoded {
    /// 0 to 4.
    pub(crate) kind: u8,
    /// Begins with a slash.
    pub(crate) nsp: String,
    pub(crate) id: Option<u64>,
    /// JSON, in which attachments stand as `{"_placeholder":true,"num":n}`.
    pub(crate) data: Option<String>,
    /// Copied to their own size, in the order of their numbers.
    pub(crate) attachments: Vec<Bytes>,
}

/// Why bytes are no packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Error {
    /// They end too early, or a length reaches beyond their end.
    Truncated,
    /// There is more after the packet.
    Trailing,
    /// Deeper than [`Limits::max_depth`].
    Depth,
    /// More than [`Limits::max_attachments`].
    Attachments,
    /// What JSON has no word for: an extension that is not notepack's, a key that is neither string nor integer.
    Type,
    /// A string that is no UTF-8.
    Utf8,
    /// No map, or a member of it is missing or not what it must be.
    Shape,
    /// A map that passes itself off as a placeholder for an attachment that there is not.
    Placeholder,
}

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

/// A value, or where a container begins.
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
    /// So many elements follow.
    Array(u32),
    /// So many keys follow, each with its value.
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

/// Of the application's extensions, the one that notepack uses: undefined, dates and array buffers, told apart by length.
const NOTEPACK: i8 = 0;

struct Reader<'a> {
    input: Input<'a>,
}

impl<'a> Reader<'a> {
    /// Reads a value, or a container's beginning. Every element needs a byte, so a container that claims more elements
    /// than there are bytes is refused before anybody counts on it.
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

    /// Refuses more values than there can be.
    fn expect(&self, values: u64) -> Result<(), Error> {
        let left = self.input.remaining_slice().len();
        if usize::try_from(values).is_ok_and(|values| values <= left) { Ok(()) } else { Err(Error::Truncated) }
    }

    /// Reads a value with all that is in it, and forgets it.
    fn skip(&mut self) -> Result<(), Error> {
        // How many values are still to come, whoever's elements they are.
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

/// Where the marker has the length in it, type 0 is undefined or a date; with the length written out it is an array
/// buffer, as Node sends it. Browsers send those as bin.
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

/// Turns the next value into JSON; nothing where it is undefined.
fn transcode(reader: &mut Reader<'_>, limits: &Limits) -> Result<Option<(String, Vec<Bytes>)>, Error> {
    let mut json = Json { text: String::new(), attachments: Vec::new(), levels: Vec::new(), forged: false };
    let mut value = reader.value()?;
    if value == Value::Undefined {
        return Ok(None);
    }
    loop {
        json.value(value, limits)?;
        if !json.advance(reader)? {
            break;
        }
        value = reader.value()?;
    }
    if json.forged && !json::placeholders_fit(&json.text, json.attachments.len()) {
        return Err(Error::Placeholder);
    }
    Ok(Some((json.text, json.attachments)))
}

/// JSON that is being written.
struct Json {
    text: String,
    attachments: Vec<Bytes>,
    /// The containers that are open, the innermost last.
    levels: Vec<Level>,
    /// Whether there was a key that only placeholders have.
    forged: bool,
}

struct Level {
    /// How many elements are still to come.
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
            // The shortest digits that give the same number; with an exponent where there were many zeros.
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

    /// Closes what is complete, and gets ready for the next value. Whether there is to be one.
    fn advance(&mut self, reader: &mut Reader<'_>) -> Result<bool, Error> {
        while let Some(level) = self.levels.last_mut() {
            if let Some(left) = level.left.checked_sub(1) {
                level.left = left;
                let is_map = level.close == '}';
                // Only where a container has just begun can the text end in a bracket that opens.
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
            Value::String(key) => {
                self.forged |= key == "_placeholder";
                push_string(&mut self.text, key);
            }
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
        // Text can always be written as JSON.
        text.push_str(&serde_json::to_string(string).unwrap_or_default());
    } else {
        text.push('"');
        text.push_str(string);
        text.push('"');
    }
}

/// As JavaScript's `toJSON` writes it: ISO 8601 with milliseconds, and null beyond 100,000,000 days from 1970.
fn push_date(text: &mut String, millis: i64) {
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

/// Year, month and day of a day since 1970, in the Gregorian calendar. Years are counted from March, so that the day that
/// not every year has comes last; 400 of them always have as many days.
fn civil(days: i64) -> (i64, i64, i64) {
    const DAYS_400: i64 = 146_097;
    const DAYS_100: i64 = 36_524;
    const DAYS_4: i64 = 1_461;
    // From March of the year 0.
    let days = days + 719_468;
    let day = days.rem_euclid(DAYS_400);
    let year = (day - day / (DAYS_4 - 1) + day / DAYS_100 - day / (DAYS_400 - 1)) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // Every five months from March have 153 days.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let year = year + 400 * days.div_euclid(DAYS_400);
    if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) }
}

/// Encodes a packet. `data` is JSON that has been checked; where a placeholder in it stands for an attachment, the bytes
/// go there, but only once: else few bytes of JSON could make many of msgpack. Another one, as one without an attachment,
/// stays the object that it is.
pub(crate) fn encode(kind: u8, nsp: &str, id: Option<u64>, data: Option<&str>, attachments: &[Bytes]) -> Vec<u8> {
    let binary: usize = attachments.iter().map(Bytes::len).sum();
    let mut out = Writer(ByteBuf::with_capacity(nsp.len() + data.map_or(0, str::len) + binary + 48));
    out.map(2 + u32::from(data.is_some()) + u32::from(id.is_some()));
    out.string("type");
    out.unsigned(kind.into());
    if let Some(data) = data {
        out.string("data");
        out.json(data, attachments);
    }
    out.string("nsp");
    out.string(nsp);
    if let Some(id) = id {
        out.string("id");
        out.unsigned(id);
    }
    out.0.into_vec()
}

/// What must be known of a container before it is written.
#[derive(Clone, Copy, Debug, Default)]
struct Container {
    /// How many elements or members it has.
    count: u32,
    /// The attachment that it stands for.
    attachment: Option<u32>,
}

/// Looks through JSON for its containers, in the order in which they begin.
fn containers(json: &str, attachments: usize) -> Vec<Container> {
    let mut containers: Vec<Container> = Vec::new();
    // The ones that are open, and where in the list they are.
    let mut open: Vec<(usize, Open)> = Vec::new();
    for token in Tokens::new(json) {
        let is_end = matches!(token, Token::EndArray | Token::EndObject);
        if let Some((index, around)) = open.last_mut() {
            around.read(&token);
            if !is_end
                && !matches!(token, Token::Key(_))
                && let Some(container) = containers.get_mut(*index)
            {
                container.count += 1;
            }
        }
        if matches!(token, Token::BeginArray | Token::BeginObject) {
            open.push((containers.len(), Open::default()));
            containers.push(Container::default());
        }
        if is_end
            && let Some((index, closed)) = open.pop()
            && let Some(container) = containers.get_mut(index)
        {
            container.attachment = closed.attachment(attachments).and_then(|num| u32::try_from(num).ok());
        }
    }
    containers
}

/// Writing to memory does not fail.
struct Writer(ByteBuf);

impl Writer {
    fn json(&mut self, json: &str, attachments: &[Bytes]) {
        let mut containers = containers(json, attachments.len()).into_iter();
        let mut unsent: Vec<Option<&Bytes>> = attachments.iter().map(Some).collect();
        // How many containers are open of what an attachment stands in for.
        let mut replaced = 0_usize;
        for token in Tokens::new(json) {
            match token {
                Token::BeginArray | Token::BeginObject => {
                    let container = containers.next().unwrap_or_default();
                    let index = container.attachment.and_then(|num| usize::try_from(num).ok());
                    if replaced > 0 {
                        replaced += 1;
                    } else if let Some(data) = index.and_then(|index| unsent.get_mut(index)?.take()) {
                        self.binary(data);
                        replaced = 1;
                    } else if token == Token::BeginArray {
                        self.array(container.count);
                    } else {
                        self.map(container.count);
                    }
                }
                Token::EndArray | Token::EndObject => replaced = replaced.saturating_sub(1),
                _ if replaced > 0 => {}
                Token::Key(string) | Token::String(string) => self.json_string(json::inside(string)),
                Token::Number(number) => self.number(number),
                Token::True => self.bool(true),
                Token::False => self.bool(false),
                Token::Null => self.null(),
            }
        }
    }

    fn array(&mut self, elements: u32) {
        let _ = write::write_array_len(&mut self.0, elements);
    }

    fn map(&mut self, members: u32) {
        let _ = write::write_map_len(&mut self.0, members);
    }

    fn null(&mut self) {
        let _ = write::write_nil(&mut self.0);
    }

    fn bool(&mut self, value: bool) {
        let _ = write::write_bool(&mut self.0, value);
    }

    fn string(&mut self, string: &str) {
        let _ = write::write_str(&mut self.0, string);
    }

    fn unsigned(&mut self, number: u64) {
        let _ = write::write_uint(&mut self.0, number);
    }

    fn binary(&mut self, data: &[u8]) {
        let _ = write::write_bin(&mut self.0, data);
    }

    /// A string as JSON has it between its quotes.
    fn json_string(&mut self, inside: &str) {
        if !inside.contains('\\') {
            self.string(inside);
            return;
        }
        let unescaped = json::unescape(inside).map(char::len_utf8).sum();
        let _ = write::write_str_len(&mut self.0, length(unescaped));
        let mut buffer = [0; 4];
        for c in json::unescape(inside) {
            self.0.as_mut_vec().extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
        }
    }

    /// Integers of 64 bits keep them all; other numbers become what JavaScript would read.
    fn number(&mut self, number: &str) {
        if let Ok(unsigned) = number.parse() {
            self.unsigned(unsigned);
        } else if let Ok(signed) = number.parse() {
            let _ = write::write_sint(&mut self.0, signed);
        } else {
            let _ = write::write_f64(&mut self.0, number.parse().unwrap_or(f64::NAN));
        }
    }
}

/// Nothing that is encoded comes near to 4 GiB.
fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::vec;
    use serde_json::Value as Tree;

    const LIMITS: Limits = Limits { max_depth: 32, max_attachments: 10 };

    fn hex(digits: &str) -> Vec<u8> {
        let digits: Vec<u8> = digits.chars().filter_map(|c| c.to_digit(16)).map(|d| u8::try_from(d).unwrap()).collect();
        digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
    }

    /// What decoding makes of `{type: 2, data, nsp: "/"}`, `data` being msgpack in hexadecimal digits.
    fn data(digits: &str) -> Result<(String, usize), Error> {
        let bytes = hex(&format!("83 a474797065 02 a464617461 {digits} a36e7370 a12f"));
        decode(&bytes, &LIMITS).map(|decoded| (decoded.data.unwrap_or_default(), decoded.attachments.len()))
    }

    fn json(digits: &str) -> Result<String, Error> {
        data(digits).map(|(json, _)| json)
    }

    /// Type, namespace, id and data.
    type Members = (u8, &'static str, Option<u64>, Option<&'static str>);

    /// Whole messages as notepack.io 2.2.0 wrote them, with the expression and what it is here.
    const NOTEPACK_WROTE: [(&str, Members); 12] = [
        // {type:0,data:undefined,nsp:'/'}
        ("83a47479706500a464617461d40000a36e7370a12f", (0, "/", None, None)),
        // {type:0,data:{token:'abc'},nsp:'/admin'}
        (
            "83a47479706500a46461746181a5746f6b656ea3616263a36e7370a62f61646d696e",
            (0,
            "/admin",
            None,
            Some(r#"{"token":"abc"}"#)),
        ),
        // {type:1,nsp:'/'}
        ("82a47479706501a36e7370a12f", (1, "/", None, None)),
        // {type:2,data:['hello',1,-1,1.5,true,false,null,undefined,'ü€😀'],options:{compress:true},id:0,nsp:'/'}
        (
            "85a47479706502a46461746199a568656c6c6f01ffcb3ff8000000000000c3c2c0d40000a9c3bce282acf09f9880
             a76f7074696f6e7381a8636f6d7072657373c3a2696400a36e7370a12f",
            (2,
            "/",
            Some(0),
            Some(r#"["hello",1,-1,1.5,true,false,null,null,"ü€😀"]"#)),
        ),
        // {type:2,data:['n',127,128,255,256,65535,65536,4294967295,4294967296,9007199254740991,-32,-33,-128,-129,
        //  -32768,-32769,-2147483648,-2147483649,-9007199254740991],nsp:'/'}
        (
            "83a47479706502a464617461dc0013a16e7fcc80ccffcd0100cdffffce00010000ceffffffffcf0000000100000000
             cf001fffffffffffffe0d0dfd080d1ff7fd18000d2ffff7fffd280000000d3ffffffff7fffffffd3ffe0000000000001a36e7370a12f",
            (2,
            "/",
            None,
            Some(
                "[\"n\",127,128,255,256,65535,65536,4294967295,4294967296,9007199254740991,-32,-33,-128,-129,-32768,\
                 -32769,-2147483648,-2147483649,-9007199254740991]",
            )),
        ),
        // {type:2,data:['f',0.1,1e-7,NaN,Infinity,-Infinity,-0,5e-324],nsp:'/'}
        (
            "83a47479706502a46461746198a166cb3fb999999999999acb3e7ad7f29abcaf48cb7ff8000000000000cb7ff0000000000000
             cbfff000000000000000cb0000000000000001a36e7370a12f",
            (2,
            "/",
            None,
            Some(r#"["f",0.1,1e-7,null,null,null,0,5e-324]"#)),
        ),
        // {type:2,data:['d',new Date(0),new Date(-1),new Date('2024-02-29T12:34:56.789Z'),new Date(8.64e15),
        //  new Date(-62198755200000)],nsp:'/'}
        (
            "83a47479706502a46461746196a164d7000000000000000000d700ffffffffffffffffd7000000018df4dc5495
             d700001eb208c2dc0000d700ffffc76e394a7400a36e7370a12f",
            (2,
            "/",
            None,
            Some(
                "[\"d\",\"1970-01-01T00:00:00.000Z\",\"1969-12-31T23:59:59.999Z\",\"2024-02-29T12:34:56.789Z\",\
                 \"+275760-09-13T00:00:00.000Z\",\"-000001-01-01T00:00:00.000Z\"]",
            )),
        ),
        // {type:2,data:['b',Buffer.from([1,2,3]),{x:{y:[Buffer.alloc(0)]}},new Uint8Array([4,5]).buffer],nsp:'/',id:7}
        (
            "84a47479706502a46461746194a162c40301020381a17881a17991c400c702000405a36e7370a12fa2696407",
            (2,
            "/",
            Some(7),
            Some(
                r#"["b",{"_placeholder":true,"num":0},{"x":{"y":[{"_placeholder":true,"num":1}]}},{"_placeholder":true,"num":2}]"#,
            )),
        ),
        // {type:2,data:['b',new Uint8Array([4]),new ArrayBuffer(8)],nsp:'/'}
        (
            "83a47479706502a46461746193a162c7010004c708000000000000000000a36e7370a12f",
            (2,
            "/",
            None,
            Some(r#"["b",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#)),
        ),
        // {type:2,data:['q"\\/\b\f\n\r\t\u0001\u007f\u2028',{'k"':1}],nsp:'/'}
        (
            "83a47479706502a46461746192ae71225c2f080c0a0d09017fe280a881a26b2201a36e7370a12f",
            (2,
            "/",
            None,
            Some("[\"q\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\u{7f}\u{2028}\",{\"k\\\"\":1}]")),
        ),
        // {type:3,data:[],nsp:'/x',id:300}
        ("84a47479706503a46461746190a36e7370a22f78a26964cd012c", (3, "/x", Some(300), Some("[]"))),
        // {type:4,data:'no',nsp:'/'}
        ("83a47479706504a464617461a26e6fa36e7370a12f", (4, "/", None, Some("\"no\""))),
    ];

    #[test]
    fn what_notepack_writes_is_read() {
        for (digits, members) in NOTEPACK_WROTE {
            let decoded = decode(&hex(digits), &LIMITS).unwrap();
            let got = (decoded.kind, decoded.nsp.as_str(), decoded.id, decoded.data.as_deref());
            assert_eq!(got, members, "{digits}");
        }
        let binary = decode(&hex(NOTEPACK_WROTE[7].0), &LIMITS).unwrap();
        assert_eq!(binary.attachments, [&[1, 2, 3][..], &[], &[4, 5]]);
        let binary = decode(&hex(NOTEPACK_WROTE[8].0), &LIMITS).unwrap();
        assert_eq!(binary.attachments, [&[4][..], &[0; 8]]);
    }

    /// What notepack.io 2.2.0 makes of the same packet, member by member, its data being `JSON.parse` of the text.
    #[test]
    fn what_is_written_is_what_notepack_writes() {
        for (kind, nsp, id, data, digits) in [
            (0, "/", None, Some(r#"{"sid":"AQEB"}"#), "83a47479706500a46461746181a3736964a441514542a36e7370a12f"),
            (1, "/x", None, None, "82a47479706501a36e7370a22f78"),
            (
                2,
                "/",
                None,
                Some(
                    "[\"n\",0,-0,127,128,255,256,65535,65536,4294967295,4294967296,9007199254740991,-1,-32,-33,-128,\
                     -129,-32768,-32769,-2147483648,-2147483649,-9007199254740991]",
                ),
                "83a47479706502a464617461dc0016a16e00007fcc80ccffcd0100cdffffce00010000ceffffffffcf0000000100000000
                 cf001fffffffffffffffe0d0dfd080d1ff7fd18000d2ffff7fffd280000000d3ffffffff7fffffffd3ffe0000000000001
                 a36e7370a12f",
            ),
            (
                2,
                "/",
                None,
                Some(r#"["f",0.1,1e-7,5e-324,1e400]"#),
                "83a47479706502a46461746195a166cb3fb999999999999acb3e7ad7f29abcaf48cb0000000000000001
                 cb7ff0000000000000a36e7370a12f",
            ),
            (
                2,
                "/",
                Some(300),
                Some(
                    r#" [ "q\"\\\/\b\f\n\r\t\u0001\u2028\ud83d\ude00" , {"k\"" :[true,false , null]},{ } ,
                        [ ]]"#,
                ),
                "84a47479706502a46461746194b171225c2f080c0a0d0901e280a8f09f988081a26b2293c3c2c08090a36e7370a12f
                 a26964cd012c",
            ),
            (3, "/", Some(0), Some("[]"), "84a47479706503a46461746190a36e7370a12fa2696400"),
            (4, "/", None, Some(r#"{"message":"no"}"#), "83a47479706504a46461746181a76d657373616765a26e6fa36e7370a12f"),
        ] {
            assert_eq!(encode(kind, nsp, id, data, &[]), hex(digits), "{data:?}");
        }
        // ['b',Buffer.from([1,2,3]),{x:[Buffer.alloc(0)]}]
        let data = r#"["b",{"_placeholder":true,"num":1},{"x":[{"num":0.0,"\u005fplaceholder":true}]}]"#;
        let attachments = [Bytes::new(), Bytes::from_static(&[1, 2, 3])];
        let digits = "83a47479706502a46461746193a162c40301020381a17891c400a36e7370a12f";
        assert_eq!(encode(2, "/", None, Some(data), &attachments), hex(digits));
    }

    /// Encodes and decodes again.
    fn there_and_back(json: &str, attachments: &[Bytes]) -> (String, Vec<Bytes>) {
        let decoded = decode(&encode(2, "/", None, Some(json), attachments), &LIMITS).unwrap();
        (decoded.data.unwrap(), decoded.attachments)
    }

    #[test]
    fn headers_grow_with_what_they_head() {
        for count in [0, 1, 15, 16, 31, 32, 255, 256, 65_535, 65_536] {
            let array = format!("[{}]", vec!["1"; count].join(","));
            assert_eq!(there_and_back(&array, &[]).0, array);
            let map = format!("{{{}}}", vec!["\"a\":null"; count].join(","));
            assert_eq!(there_and_back(&map, &[]).0, map);
            let string = format!("\"{}\"", "é".repeat(count));
            assert_eq!(there_and_back(&string, &[]).0, string);
            let escaped = format!("\"{}\"", "\\\"".repeat(count));
            assert_eq!(there_and_back(&escaped, &[]).0, escaped);
            let placeholder = r#"{"_placeholder":true,"num":0}"#;
            let binary = [Bytes::from(vec![7; count])];
            assert_eq!(there_and_back(placeholder, &binary), (placeholder.into(), binary.into()));
        }
    }

    #[test]
    fn numbers_and_text_at_their_limits() {
        for (sent, got) in [
            ("18446744073709551615", "18446744073709551615"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("18446744073709551616", "1.8446744073709552e19"),
            ("1e2", "100.0"),
            ("-0.0", "-0.0"),
            ("1.7976931348623157e308", "1.7976931348623157e308"),
            ("1e400", "null"),
            (r#""\ud800x\udc00""#, "\"\u{fffd}x\u{fffd}\""),
            (r#"{"a":1,"a":{"\n":2}}"#, r#"{"a":1,"a":{"\n":2}}"#),
        ] {
            assert_eq!(there_and_back(sent, &[]).0, got);
        }
        // A float of 32 bits is the number that it is as one of 64.
        assert_eq!(json("ca3dcccccd"), Ok("0.10000000149011612".into()));
        assert_eq!(json("ca7f800000"), Ok("null".into()));
        assert_eq!(json("cfffffffffffffffff"), Ok("18446744073709551615".into()));
        assert_eq!(json("d38000000000000000"), Ok("-9223372036854775808".into()));
    }

    #[test]
    fn dates_beyond_javascripts_are_null() {
        // 8.64e15 and one more, both ways.
        assert_eq!(json("d700001eb208c2dc0001"), Ok("null".into()));
        assert_eq!(json("d700ffe14df73d240000"), Ok("\"-271821-04-20T00:00:00.000Z\"".into()));
        assert_eq!(json("d700ffe14df73d23ffff"), Ok("null".into()));
        assert_eq!(json("d7008000000000000000"), Ok("null".into()));
        assert_eq!(json("d7007fffffffffffffff"), Ok("null".into()));
        // Leap years, and where the number of digits changes.
        for (millis, iso) in [
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (-2_203_977_600_000, "1900-02-28T00:00:00.000Z"),
            (-2_203_891_200_000, "1900-03-01T00:00:00.000Z"),
            (-62_167_219_200_001, "-000001-12-31T23:59:59.999Z"),
            (-62_167_219_200_000, "0000-01-01T00:00:00.000Z"),
            (253_402_214_400_000, "9999-12-31T00:00:00.000Z"),
            (253_402_300_800_000, "+010000-01-01T00:00:00.000Z"),
        ] {
            let mut text = String::new();
            push_date(&mut text, millis);
            assert_eq!(text, format!("\"{iso}\""));
        }
    }

    #[test]
    fn an_attachment_is_sent_once() {
        let attachments = [Bytes::from_static(b"abc")];
        let twice = r#"[{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]"#;
        // The second one went as an object, which reads the same here, and is one to others.
        assert_eq!(there_and_back(twice, &attachments), (twice.into(), attachments.to_vec()));
        let many = format!("[{}]", vec![r#"{"_placeholder":true,"num":0}"#; 10_000].join(","));
        let big = [Bytes::from(vec![0; 100_000])];
        assert!(encode(2, "/", None, Some(&many), &big).len() < 600_000);
        // What is inside of a placeholder goes with it.
        let odd = r#"[{"a":[[1],{"_placeholder":true,"num":0}],"_placeholder":true,"num":0,"b":{}},[2,{}]]"#;
        assert_eq!(there_and_back(odd, &attachments).0, r#"[{"_placeholder":true,"num":0},[2,{}]]"#);
        // Without an attachment they are objects like others.
        let encoded = encode(2, "/", None, Some(r#"[{"_placeholder":true,"num":0}]"#), &[]);
        assert_eq!(encoded, hex("83a47479706502a4646174619182ac5f706c616365686f6c646572c3a36e756d00a36e7370a12f"));
    }

    #[test]
    fn forged_placeholders_fit_or_are_refused() {
        let placeholder = |num| format!("82 ac5f706c616365686f6c646572 c3 a36e756d {num}");
        assert_eq!(json(&format!("91{}", placeholder("00"))), Err(Error::Placeholder));
        assert_eq!(json(&format!("92c401aa{}", placeholder("01"))), Err(Error::Placeholder));
        assert_eq!(json(&format!("92{}c401aa", placeholder("ff"))), Err(Error::Placeholder));
        assert_eq!(
            data(&format!("92{}c401aa", placeholder("00"))),
            Ok((r#"[{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]"#.into(), 1))
        );
    }

    #[test]
    fn keys_are_strings_or_integers() {
        assert_eq!(json("83 a161 01 05 02 ff 03"), Ok(r#"{"a":1,"5":2,"-1":3}"#.into()));
        for key in ["c0", "c3", "cb3ff8000000000000", "90", "80", "c400", "d40000", "d7000000000000000000"] {
            assert_eq!(json(&format!("81 {key} 01")), Err(Error::Type), "{key}");
        }
    }

    #[test]
    fn extensions_of_others_are_refused() {
        for extension in [
            "d40100",
            "d4ff00",
            "d5000000",
            "d60000000000",
            "d6ff00000000",
            "d7ff0000000000000000",
            "d800 00000000 00000000 00000000 00000000",
            "c70101 00",
            "c80001ff 00",
            "c90000000101 00",
            "c1",
        ] {
            assert_eq!(json(extension), Err(Error::Type), "{extension}");
        }
        assert_eq!(data("93 c70000 c8000100aa c90000000100aa").map(|(_, attachments)| attachments), Ok(3));
    }

    #[test]
    fn members_are_what_they_must_be() {
        let decode = |digits: &str| decode(&hex(digits), &LIMITS);
        let (kind, nsp) = ("a474797065 02", "a36e7370 a12f");
        assert!(decode(&format!("82{kind}{nsp}")).is_ok());
        for (message, error) in [
            ("", Error::Truncated),
            ("02", Error::Shape),
            ("90", Error::Shape),
            ("80", Error::Shape),
            (&format!("81{kind}"), Error::Shape),
            (&format!("81{nsp}"), Error::Shape),
            (&format!("82 a474797065 05 {nsp}"), Error::Shape),
            (&format!("82 a474797065 ff {nsp}"), Error::Shape),
            (&format!("82 a474797065 c0 {nsp}"), Error::Shape),
            (&format!("82 a474797065 cd0102 {nsp}"), Error::Shape),
            (&format!("82 a474797065 a132 {nsp}"), Error::Shape),
            (&format!("82 a474797065 cb4000000000000000 {nsp}"), Error::Shape),
            (&format!("82 {kind} a36e7370 a0"), Error::Shape),
            (&format!("82 {kind} a36e7370 a178"), Error::Shape),
            (&format!("82 {kind} a36e7370 c0"), Error::Shape),
            (&format!("82 {kind} a36e7370 c4012f"), Error::Shape),
            (&format!("82 {kind} a36e7370 a22fff"), Error::Utf8),
            (&format!("83 {kind}{nsp} a26964 ff"), Error::Shape),
            (&format!("83 {kind}{nsp} a26964 a131"), Error::Shape),
            (&format!("83 {kind}{nsp} a26964 cb3ff8000000000000"), Error::Shape),
            (&format!("83 {kind}{nsp} c0 c0"), Error::Type),
            (&format!("82 {kind}{nsp} c0"), Error::Trailing),
            (&format!("83 {kind}{nsp}"), Error::Truncated),
        ] {
            assert_eq!(decode(message), Err(error), "{message}");
        }
        // An id may be left out in three ways.
        for id in ["c0", "d40000"] {
            assert_eq!(decode(&format!("83 {kind}{nsp} a26964 {id}")).unwrap().id, None);
        }
        assert_eq!(decode(&format!("83 {kind}{nsp} a26964 cfffffffffffffffff")).unwrap().id, Some(u64::MAX));
        // What nobody knows is skipped, whatever is in it.
        let unknown = "a178 92 82 c0 91c403010203 90 80 dc0001 c7020500 00";
        assert!(decode(&format!("83 {kind} {unknown} {nsp}")).is_err_and(|error| error == Error::Type));
        let unknown = "a178 92 82 c0 91c403010203 90 80 dc0001 de0001 ca00000000 cb0000000000000000";
        assert!(decode(&format!("84 {kind} {unknown} 07 c0 {nsp}")).is_ok());
        // The last one counts.
        let twice = decode(&format!(
            "88 {kind}{nsp} a26964 01 a464617461 91c40101 a474797065 03 a36e7370 a22f78 a26964 c0 a464617461 91c40102"
        ));
        let expected = Decoded {
            kind: 3,
            nsp: "/x".into(),
            id: None,
            data: Some(r#"[{"_placeholder":true,"num":0}]"#.into()),
            attachments: vec![Bytes::from_static(&[2])],
        };
        assert_eq!(twice, Ok(expected));
    }

    #[test]
    fn eleven_attachments_are_one_too_many() {
        let bins = |count| format!("dc{count:04x}{}", "c401aa".repeat(count));
        assert_eq!(data(&bins(10)).map(|(_, attachments)| attachments), Ok(10));
        assert_eq!(json(&bins(11)), Err(Error::Attachments));
    }

    #[test]
    fn depth_is_limited_and_costs_no_stack() {
        let deep = |levels| format!("{}c0", "91".repeat(levels));
        assert!(json(&deep(32)).is_ok());
        assert_eq!(json(&deep(33)), Err(Error::Depth));
        assert_eq!(json(&deep(1_000_000)), Err(Error::Depth));
        assert_eq!(json(&format!("{}90", "91".repeat(32))), Err(Error::Depth));
        assert_eq!(json(&format!("{}c0", "81a161".repeat(33))), Err(Error::Depth));

        let bytes = hex(&format!("83 a474797065 02 a464617461 {} a36e7370 a12f", deep(1_000_000)));
        let decoded = decode(&bytes, &Limits { max_depth: usize::MAX, max_attachments: 0 }).unwrap();
        assert_eq!(encode(2, "/", None, decoded.data.as_deref(), &[]), bytes);
        // Nor does what is skipped.
        let unknown = hex(&format!("83 a474797065 02 a178 {} a36e7370 a12f", deep(1_000_000)));
        assert!(decode(&unknown, &LIMITS).is_ok());
    }

    #[test]
    fn lengths_are_claims() {
        for claim in
            ["ddffffffff", "dfffffffff", "dbffffffff", "c6ffffffff", "c9ffffffff00", "dcffff", "deffff", "d9ff", "9f"]
        {
            // As the whole message, as data, and in what is skipped.
            assert_eq!(decode(&hex(claim), &LIMITS), Err(Error::Truncated), "{claim}");
            assert_eq!(data(claim), Err(Error::Truncated), "{claim}");
            assert_eq!(decode(&hex(&format!("81a178{claim}")), &LIMITS), Err(Error::Truncated), "{claim}");
        }
        // Many claims, each of which could be true alone.
        let claims = "dd000000ff".repeat(60);
        assert_eq!(decode(&hex(&format!("81a178{claims}")), &LIMITS), Err(Error::Truncated));
    }

    #[test]
    fn no_beginning_is_a_packet() {
        for (digits, ..) in NOTEPACK_WROTE {
            let bytes = hex(digits);
            for end in 0..bytes.len() {
                assert_eq!(decode(&bytes[..end], &LIMITS), Err(Error::Truncated), "{digits} to {end}");
            }
        }
    }

    /// Random damage: whatever is still a packet has data that is JSON and survives another trip.
    #[test]
    fn damage_is_no_danger() {
        let seed = 20_240_229;
        let mut random = fastrand::Rng::with_seed(seed);
        let mut survivors = 0;
        for round in 0..20_000 {
            let mut bytes = hex(random.choice(NOTEPACK_WROTE).unwrap().0);
            for _ in 0..random.usize(1..4) {
                let at = random.usize(..bytes.len());
                bytes[at] = random.u8(..);
            }
            let Ok(decoded) = decode(&bytes, &LIMITS) else { continue };
            let Some(data) = decoded.data else { continue };
            survivors += 1;
            assert!(serde_json::from_str::<Tree>(&data).is_ok(), "seed {seed}, round {round}: {data}");
            assert!(json::placeholders_fit(&data, decoded.attachments.len()), "seed {seed}, round {round}: {data}");
            assert!(data.len() <= 6 * bytes.len() + 40 * decoded.attachments.len());
            assert_eq!(there_and_back(&data, &decoded.attachments).0, data, "seed {seed}, round {round}");
        }
        assert!(survivors > 1_000, "{survivors}");
    }
}
