//! Decodes one Socket.IO packet: `<type>[<attachments>-][<namespace>,][<ack id>][<JSON>]`. Borrows, and checks the JSON
//! in one pass without recursion. Arguments stay text, so that lone surrogates, large numbers and the order of keys are
//! preserved.

use super::check::{self, Fault, First};
use super::json;
use super::msgpack::{self, Decoded};
use crate::config::Config;
use crate::engine::packet::PacketData;
use alloc::borrow::Cow;
use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt;
use core::ops::Range;

/// A decoded Socket.IO packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The namespace as the client wrote it; `/` if it is left out. From EIO=3 clients it may end in a query.
    pub nsp: Cow<'a, str>,
    /// The type and its data.
    pub kind: Kind<'a>,
}

/// The types of packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind<'a> {
    /// `0`: the client asks to connect to the namespace.
    Connect {
        /// A JSON object, or empty.
        auth: Cow<'a, str>,
    },
    /// `0`, for a namespace whose name is longer than
    /// [`Config::max_namespace_name`](crate::Config::max_namespace_name). The client gets the error "Invalid namespace",
    /// as for any namespace that there is not.
    ConnectTooLong,
    /// `1`: the client leaves the namespace.
    Disconnect,
    /// `2`, and `5` when there are attachments.
    Event {
        /// The id of the acknowledgement, if the client asks for one.
        id: Option<u64>,
        /// A JSON array. Its first element is the event's name, a string or a number.
        args: Cow<'a, str>,
        /// The range of the first element in `args`.
        name: Range<usize>,
        /// How many binary messages follow.
        attachments: usize,
    },
    /// `3`, and `6` when there are attachments.
    Ack {
        /// The id of the event that is acknowledged. Without one the packet is valid, and acknowledges nothing.
        id: Option<u64>,
        /// A JSON array. Empty if the packet has no data, as hand-written clients send it and the reference takes it.
        args: Cow<'a, str>,
        /// How many binary messages follow.
        attachments: usize,
    },
    /// `4`: only sent by servers.
    ConnectError,
}

/// The decoded data of an Engine.IO message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocketMessage<'a> {
    /// A packet. Its attachments follow.
    Packet(Packet<'a>),
    /// An attachment of the packet before it.
    Attachment(Cow<'a, [u8]>),
    /// A packet with its attachments: [`Protocol::SocketIoMsgPack`](crate::Protocol::SocketIoMsgPack).
    Whole(Packet<'a>, Vec<Bytes>),
    /// The message itself: [`Protocol::EngineIo`](crate::Protocol::EngineIo).
    Raw(PacketData<'a>),
    /// The message is not a packet.
    Malformed(PacketError),
}

/// Why a message is not a Socket.IO packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PacketError {
    /// The type is unknown, or missing.
    Type,
    /// The number of attachments is missing, zero, or above [`Config::max_attachments`](crate::Config::max_attachments).
    Attachments,
    /// The ack id does not fit 64 bits.
    Id,
    /// The namespace's name is longer than [`Config::max_namespace_name`](crate::Config::max_namespace_name), and the
    /// packet is not a CONNECT.
    Namespace,
    /// The data is not JSON, or not what the type requires: an object for CONNECT, an array for events and
    /// acknowledgements.
    Data,
    /// Arrays and objects are nested deeper than [`Config::max_depth`](crate::Config::max_depth).
    Depth,
    /// A placeholder stands for an attachment that the packet does not have (CVE-2022-2421).
    Placeholder,
    /// An event's name is neither a string nor a number (CVE-2023-32695), or it is a reserved one (`connect`,
    /// `disconnect` and others).
    Name,
}

impl fmt::Display for PacketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Type => "unknown Socket.IO packet type",
            Self::Attachments => "bad number of attachments",
            Self::Id => "bad ack id",
            Self::Namespace => "the namespace's name is too long",
            Self::Data => "bad data in Socket.IO packet",
            Self::Depth => "data is nested too deep",
            Self::Placeholder => "placeholder without attachment",
            Self::Name => "bad event name",
        })
    }
}

impl core::error::Error for PacketError {}

impl From<Fault> for PacketError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Syntax => Self::Data,
            Fault::Depth => Self::Depth,
        }
    }
}

impl From<msgpack::Error> for PacketError {
    fn from(error: msgpack::Error) -> Self {
        use msgpack::Error;
        match error {
            Error::Depth => Self::Depth,
            Error::Attachments => Self::Attachments,
            Error::Truncated | Error::Trailing | Error::Type | Error::Utf8 | Error::Shape => Self::Data,
        }
    }
}

/// Decodes the text of an Engine.IO message.
///
/// # Errors
///
/// See [`PacketError`].
#[inline]
pub fn decode<'a>(text: &'a str, config: &Config) -> Result<Packet<'a>, PacketError> {
    // Everything that is compared is ASCII, so all slices begin and end at characters.
    let kind = *text.as_bytes().first().ok_or(PacketError::Type)?;
    let mut rest = text.get(1..).ok_or(PacketError::Type)?;
    let mut attachments = 0;
    if matches!(kind, b'5' | b'6') {
        let (digits, after) = rest.split_once('-').ok_or(PacketError::Attachments)?;
        attachments =
            parse_count(digits).filter(|n| (1..=config.max_attachments).contains(n)).ok_or(PacketError::Attachments)?;
        rest = after;
    }
    let mut nsp = "/";
    if rest.starts_with('/') {
        (nsp, rest) = rest.split_once(',').unwrap_or((rest, ""));
    }
    let too_long = nsp.len() > config.max_namespace_name;
    if too_long && kind != b'0' {
        return Err(PacketError::Namespace);
    }
    let (id, data) = leading_number(rest).ok_or(PacketError::Id)?;
    let kind = match kind {
        b'0' => connect(check_object(data, config.max_depth)?.into(), too_long),
        b'1' if data.is_empty() => Kind::Disconnect,
        b'1' => return Err(PacketError::Data),
        b'2' | b'5' => {
            let name = check_event(data, config.max_depth, attachments)?;
            Kind::Event { id, args: data.into(), name, attachments }
        }
        b'3' | b'6' => {
            let args = if data.is_empty() { "[]" } else { data };
            check_array(args, config.max_depth, attachments)?;
            Kind::Ack { id, args: args.into(), attachments }
        }
        b'4' => Kind::ConnectError,
        _ => return Err(PacketError::Type),
    };
    Ok(Packet { nsp: nsp.into(), kind })
}

/// Decodes a binary message that is a whole packet: [`Protocol::SocketIoMsgPack`](crate::Protocol::SocketIoMsgPack).
///
/// # Errors
///
/// See [`PacketError`].
pub(crate) fn decode_msgpack(bytes: &[u8], config: &Config) -> Result<(Packet<'static>, Vec<Bytes>), PacketError> {
    let limits = msgpack::Limits { max_depth: config.max_depth, max_attachments: config.max_attachments };
    let Decoded { kind, nsp, id, data, attachments } = msgpack::decode(bytes, &limits).map_err(PacketError::from)?;
    let too_long = nsp.len() > config.max_namespace_name;
    if too_long && kind != 0 {
        return Err(PacketError::Namespace);
    }
    let data = data.unwrap_or_default();
    let owed = attachments.len();
    let kind = match kind {
        0 => {
            check_object(&data, usize::MAX)?;
            connect(data.into(), too_long)
        }
        1 if data.is_empty() => Kind::Disconnect,
        1 => return Err(PacketError::Data),
        2 => {
            let name = check_event(&data, usize::MAX, 0)?;
            Kind::Event { id, args: data.into(), name, attachments: owed }
        }
        // Without data it is refused, as by the reference's parser, unlike an acknowledgement as text.
        3 => {
            check_array(&data, usize::MAX, 0)?;
            Kind::Ack { id, args: data.into(), attachments: owed }
        }
        _ => Kind::ConnectError,
    };
    Ok((Packet { nsp: nsp.into(), kind }, attachments))
}

/// A CONNECT whose data has been checked.
fn connect(auth: Cow<'_, str>, too_long: bool) -> Kind<'_> {
    if too_long { Kind::ConnectTooLong } else { Kind::Connect { auth } }
}

/// Splits off a number at the beginning, if there is one. `None` if it is too large.
fn leading_number(text: &str) -> Option<(Option<u64>, &str)> {
    let mut number = None;
    let mut digits = 0;
    for byte in text.bytes().take_while(u8::is_ascii_digit) {
        number = Some(number.unwrap_or(0_u64).checked_mul(10)?.checked_add(u64::from(byte - b'0'))?);
        digits += 1;
    }
    Some((number, text.get(digits..)?))
}

/// A small decimal number of digits only.
fn parse_count(digits: &str) -> Option<usize> {
    (digits.len() <= 4 && digits.bytes().all(|digit| digit.is_ascii_digit())).then(|| digits.parse().ok())?
}

/// The data of a CONNECT: an object, whitespace around it removed, or empty.
fn check_object(data: &str, max_depth: usize) -> Result<&str, PacketError> {
    if data.is_empty() {
        return Ok(data);
    }
    Ok(data.get(check::object(data, max_depth)?).unwrap_or_default())
}

/// An array, and its first element. Every placeholder in it must have its attachment (CVE-2022-2421). Without
/// attachments, an object that looks like a placeholder is ordinary data.
fn check_array(data: &str, max_depth: usize, attachments: usize) -> Result<Option<First>, PacketError> {
    let first = check::array(data, max_depth)?;
    let fit = attachments == 0 || json::placeholders_fit(data, attachments);
    if fit { Ok(first) } else { Err(PacketError::Placeholder) }
}

/// The range of an event's name in its data.
fn check_event(data: &str, max_depth: usize, attachments: usize) -> Result<Range<usize>, PacketError> {
    let First { at, is_plain } = check_array(data, max_depth, attachments)?.ok_or(PacketError::Name)?;
    let name = data.get(at.clone()).unwrap_or_default();
    match name.as_bytes().first() {
        Some(b'-' | b'0'..=b'9') => Ok(at),
        Some(b'"') if is_plain && !is_reserved(json::inside(name)) => Ok(at),
        Some(b'"') if !is_plain && !is_reserved(&unquote(name)) => Ok(at),
        _ => Err(PacketError::Name),
    }
}

/// Whether a name is reserved for other events of the reference's API.
fn is_reserved(name: &str) -> bool {
    matches!(name, "connect" | "connect_error" | "disconnect" | "disconnecting" | "newListener" | "removeListener")
}

/// The text of a JSON string or number. A string with escapes that a Rust string cannot contain (lone surrogates) is
/// returned as it is written.
pub(crate) fn unquote(json: &str) -> Cow<'_, str> {
    let Some(inner) = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return Cow::Borrowed(json);
    };
    // Names are short.
    if !inner.bytes().any(|byte| byte == b'\\') {
        return Cow::Borrowed(inner);
    }
    serde_json::from_str(json).map_or(Cow::Borrowed(inner), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> Result<Kind<'_>, PacketError> {
        decode(text, &Config::default()).map(|packet| packet.kind)
    }

    #[test]
    fn packets_of_every_shape() {
        let event =
            |id, args: &'static str, attachments| Ok(Kind::Event { id, args: args.into(), name: 1..4, attachments });
        assert_eq!(kind("0"), Ok(Kind::Connect { auth: "".into() }));
        assert_eq!(
            decode("0/x?a=b,{\"t\":1}", &Config::default()),
            Ok(Packet { nsp: "/x?a=b".into(), kind: Kind::Connect { auth: "{\"t\":1}".into() } })
        );
        assert_eq!(decode("1/x", &Config::default()), Ok(Packet { nsp: "/x".into(), kind: Kind::Disconnect }));
        assert_eq!(kind(r#"2["a"]"#), event(None, r#"["a"]"#, 0));
        assert_eq!(kind(r#"212["a",1]"#), event(Some(12), r#"["a",1]"#, 0));
        assert_eq!(
            kind(r#"51-/x,7["a",{"_placeholder":true,"num":0}]"#),
            event(Some(7), r#"["a",{"_placeholder":true,"num":0}]"#, 1)
        );
        assert_eq!(kind("30[]"), Ok(Kind::Ack { id: Some(0), args: "[]".into(), attachments: 0 }));
    }

    #[test]
    fn an_acknowledgement_without_data_has_no_arguments() {
        for (text, nsp, id, attachments) in [
            ("37", "/", Some(7), 0),
            ("3", "/", None, 0),
            ("3/x,7", "/x", Some(7), 0),
            ("3/x,", "/x", None, 0),
            ("3/x", "/x", None, 0),
            ("61-7", "/", Some(7), 1),
            ("62-/x,7", "/x", Some(7), 2),
        ] {
            let ack = Kind::Ack { id, args: "[]".into(), attachments };
            assert_eq!(decode(text, &Config::default()), Ok(Packet { nsp: nsp.into(), kind: ack }), "{text}");
        }
        for text in ["37 ", "37null", "37{}", "67", "61-7{}"] {
            assert!(kind(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_a_connect_may_name_a_namespace_that_is_too_long() {
        let config = Config { max_namespace_name: 4, ..Config::default() };
        let kind = |text| decode(text, &config).map(|packet| packet.kind);
        assert_eq!(kind("0/abc,"), Ok(Kind::Connect { auth: "".into() }));
        for text in ["0/abcd,", "0/abcd", "0/a?bc,{}"] {
            assert_eq!(kind(text), Ok(Kind::ConnectTooLong), "{text}");
        }
        assert_eq!(kind("0/abcd,[]"), Err(PacketError::Data));
        for text in ["1/abcd", "2/abcd,[\"a\"]", "3/abcd,1[]", "51-/abcd,[\"a\"]", "4/abcd,{}"] {
            assert_eq!(kind(text), Err(PacketError::Namespace), "{text}");
        }
    }

    #[test]
    fn what_the_reference_refuses_is_refused() {
        use PacketError as E;
        for (text, error) in [
            ("", E::Type),
            ("9", E::Type),
            ("5[\"a\"]", E::Attachments),
            ("50-[\"a\"]", E::Attachments),
            ("511-[\"a\"]", E::Attachments),
            ("5+1-[\"a\"]", E::Attachments),
            ("51e1-[\"a\"]", E::Attachments),
            ("0[]", E::Data),
            ("0{", E::Data),
            ("1{}", E::Data),
            ("2", E::Data),
            ("2{}", E::Data),
            ("2[\"a\",]", E::Data),
            ("2[\"a\"]]", E::Data),
            ("2[]", E::Name),
            ("2[null]", E::Name),
            ("2[{\"toString\":\"a\"}]", E::Name),
            ("2[\"connect\"]", E::Name),
            ("2[\"dis\\u0063onnect\"]", E::Name),
            ("299999999999999999999999[\"a\"]", E::Id),
            (r#"51-["a",{"_placeholder":true,"num":1}]"#, E::Placeholder),
            (r#"51-["a",{"_placeholder":true,"num":"0"}]"#, E::Placeholder),
            (r#"51-["a",{"_placeholder":true}]"#, E::Placeholder),
            (r#"61-1[{"num":-1,"_placeholder":true}]"#, E::Placeholder),
        ] {
            assert_eq!(kind(text), Err(error), "{text}");
        }
    }

    #[test]
    fn arguments_are_not_rebuilt() {
        let args = r#"["a","\ud800",1e400,{"__proto__":1,"b":1,"a":2}]"#;
        let text = alloc::format!("2{args}");
        assert!(matches!(kind(&text), Ok(Kind::Event { args: got, .. }) if got == args));
        let deep = alloc::format!("2[\"a\",{}{}]", "[".repeat(5_000), "]".repeat(5_000));
        assert!(kind(&deep).is_ok());
        let deeper = alloc::format!("2[\"a\",{}{}]", "[".repeat(500_000), "]".repeat(500_000));
        assert_eq!(kind(&deeper), Err(PacketError::Depth));
    }
}
