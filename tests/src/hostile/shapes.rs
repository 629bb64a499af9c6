//! Inputs of any length that a decoder might find expensive: a beginning, something repeated, its closing repeated as
//! often, and an end. Some are accepted, some are refused, and of those some only at their last byte.

use std::borrow::Cow;

/// An input for a decoder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The decoder that it is meant for, by its name.
    pub decoder: &'static str,
    /// What it begins with.
    pub head: Cow<'static, [u8]>,
    /// What there is many of.
    pub unit: Cow<'static, [u8]>,
    /// What there is of behind as many times.
    pub close: Cow<'static, [u8]>,
    /// What it ends with.
    pub tail: Cow<'static, [u8]>,
}

impl Shape {
    const fn new(decoder: &'static str, [head, unit, close, tail]: [&'static [u8]; 4]) -> Self {
        let (head, unit, close, tail) =
            (Cow::Borrowed(head), Cow::Borrowed(unit), Cow::Borrowed(close), Cow::Borrowed(tail));
        Self { decoder, head, unit, close, tail }
    }

    /// The shape with what is repeated repeated `n` times.
    #[must_use]
    pub fn times(&self, n: usize) -> Vec<u8> {
        [&*self.head, &self.unit.repeat(n), &self.close.repeat(n), &self.tail].concat()
    }

    /// How often what is repeated goes into so many bytes; once at least.
    #[must_use]
    pub fn in_bytes(&self, bytes: usize) -> usize {
        (bytes / (self.unit.len() + self.close.len()).max(1)).max(1)
    }

    /// The shape in words.
    #[must_use]
    pub fn name(&self) -> String {
        let part = |bytes: &[u8]| bytes.escape_ascii().to_string();
        let close = if self.close.is_empty() { String::new() } else { format!(" {}*", part(&self.close)) };
        let tail = if self.tail.is_empty() { String::new() } else { format!(" {}", part(&self.tail)) };
        format!("{}: {} {}*{close}{tail}", self.decoder, part(&self.head), part(&self.unit))
    }
}

/// The parts of Socket.IO packets that are text: without the decoder, which gets them behind what it wants before them.
const PACKETS: &[[&[u8]; 4]] = &[
    // Deep, closed and not.
    [b"2[\"a\",", b"[", b"]", b"]"],
    [b"2[\"a\",", b"[", b"", b""],
    [b"2[\"a\",", b"{\"a\":", b"}", b"]"],
    [b"2[\"a\",0", b"{\"a\":", b"}", b"]"],
    [b"2[", b"[", b"]", b"]"],
    [b"0{\"a\":1", b",\"a\":{\"b\":[0]}", b"", b"}"],
    // Wide.
    [b"2[\"a\"", b",1", b"", b"]"],
    [b"2[\"a\"", b",\"\"", b"", b"]"],
    [b"2[\"a\"", b",[]", b"", b"]"],
    [b"2[\"a\"", b",{}", b"", b"]"],
    [b"31[null", b",{\"a\":true,\"b\":false}", b"", b"]"],
    [b"2[\"a\"", b",", b"", b"]"],
    [b"2[\"a\"", b"]", b"", b""],
    [b"2[\"a\",{\"a\":1", b",\"a\":1", b"", b"}]"],
    // Long.
    [b"2[\"a\",\"", b"x", b"", b"\"]"],
    [b"2[\"", b"x", b"", b"\"]"],
    [b"2[\"a\",\"", b"x", b"", b""],
    [b"2[\"a\",\"", "é😀".as_bytes(), b"", b"\"]"],
    [b"2[\"a\",\"", b"\\n", b"", b"\"]"],
    [b"2[\"a\",\"", b"\\\\", b"", b"\\\"]"],
    [b"2[\"a\",\"", b"\\\"", b"", b""],
    [b"2[\"a\",\"", b"\\u0061", b"", b"\"]"],
    [b"2[\"a\",\"", b"\\ud83d\\ude00", b"", b"\"]"],
    [b"2[\"a\",\"", b"\\ud83d", b"", b"\"]"],
    [b"2[\"", b"\\u0061", b"", b"\"]"],
    [b"2[\"", b"\\ud83d", b"", b"\"]"],
    [b"2[\"a\",", b"1", b"", b"]"],
    [b"2[\"a\",0.", b"1", b"", b"e1]"],
    [b"2[\"a\",1e", b"1", b"", b"]"],
    [b"2[\"a\",-", b"-", b"", b"1]"],
    [b"2[", b" ", b"", b"\"a\"]"],
    [b"2[\"a\"]", b" \n", b"", b""],
    [b"2[\"a\"]", b" \n", b"", b"x"],
    // Counts, ids, names.
    [b"2", b"1", b"", b"[\"a\"]"],
    [b"2", b"0", b"", b"[\"a\"]"],
    [b"5", b"1", b"", b"-[\"a\"]"],
    [b"5", b"0", b"", b"1-[\"a\"]"],
    [b"5", b"1-", b"", b"[\"a\"]"],
    [b"2/", b"x", b"", b",[\"a\"]"],
    [b"2/", b"/", b"", b""],
    [b"0/a?", b"a=b&", b"", b","],
    [b"0/a?", b"%61%3d", b"", b",{}"],
    // Placeholders, and what is nearly one.
    [b"51-[\"a\"", b",{\"_placeholder\":true,\"num\":0}", b"", b"]"],
    [b"51-[\"a\"", b",{\"num\":0,\"_placeholder\":true}", b"", b",{\"_placeholder\":true}]"],
    [b"51-[\"a\",{\"_placeholder\":true", b",\"num\":0", b"", b"}]"],
    [b"51-[\"a\",", b"{\"_placeholder\":true,\"num\":0,\"a\":", b"}", b"]"],
    [b"51-[\"a\",{\"_placeholder\":true", b",\"\\u006e\\u0075m\":0e0", b"", b"}]"],
    [b"51-[\"a\",\"_placeholder\"", b",\"\\u005f_placeholder", b"", b"\"]"],
    [b"51-[\"_placeholder\",", b"[", b"]", b"]"],
    [b"51-[\"a\",{\"_placeholder\":true,\"num\":0", b"0", b"", b"}]"],
    [b"51-[\"a\",{\"_placeholder\":true,\"num\":", b"1", b"", b"}]"],
    [b"51-[\"a\",{\"_placeholder\":true,\"num\":0.", b"0", b"", b"}]"],
];

/// Those that are for other decoders.
const OTHERS: &[(&str, [&[u8]; 4])] = &[
    ("payload v4", [b"2", b"\x1e2", b"", b""]),
    ("payload v4", [b"", b"\x1e", b"", b""]),
    ("payload v4", [b"4", b"x", b"", b""]),
    ("payload v4", [b"bAAAA", b"\x1ebAAAA", b"", b""]),
    ("payload v4", [b"b", b"AAAA", b"", b""]),
    ("payload v4", [b"2", b"\x1e2", b"", b"\xff"]),
    ("payload v3", [b"", b"1:2", b"", b""]),
    ("payload v3", [b"", b"0:", b"", b""]),
    ("payload v3", [b"", b"0000000001:6", b"", b""]),
    ("payload v3", [b"", "3:4😀".as_bytes(), b"", b""]),
    ("payload v3", [b"", "4:4é€x".as_bytes(), b"", b""]),
    ("payload v3", [b"", b"6:b4AAAA", b"", b""]),
    ("payload v3", [b"", b"1", b"", b""]),
    ("payload v3", [b"", b"1:2", b"", b"1:"]),
    ("payload v3", [b"9999999999:4", b"x", b"", b""]),
    ("payload v3", [b"1:2x", "é".as_bytes(), b"", b":"]),
    ("payload v3b", [b"", b"\x00\x01\xff2", b"", b""]),
    ("payload v3b", [b"", b"\x01\x01\xff\x04", b"", b""]),
    ("payload v3b", [b"", b"\x01\x00\x00\x02\xff\x04x", b"", b""]),
    ("payload v3b", [b"\x00", b"\x01", b"", b""]),
    ("payload v3b", [b"\x00\x09\x09\x09\x09\x09\x09\x09\x09\x09\xff4", b"x", b"", b""]),
    ("body v4", [b"42[\"a\"]", b"\x1e42[\"a\"]", b"", b""]),
    ("body v4", [b"2", b"\x1e2", b"", b""]),
    ("body v4", [b"40", b"\x1e40/a", b"", b""]),
    ("body v4", [b"451-[\"a\",{\"_placeholder\":true,\"num\":0}]", b"\x1ebAAAA", b"", b""]),
    ("body v4", [b"4", b"\x1e4", b"", b""]),
    ("body v3", [b"", b"1:2", b"", b""]),
    ("body v3", [b"", b"8:42[\"a\"]\"", b"", b""]),
    ("body v3", [b"", b"11:40/a?b=c&d,", b"", b""]),
    ("body v3b", [b"", b"\x00\x01\xff2", b"", b""]),
    ("body v3b", [b"", b"\x01\x02\xff\x04x", b"", b""]),
    ("text v4", [b"b", b"AAAA", b"", b""]),
    ("text v4", [b"b", b"A", b"", b"="]),
    ("text v4", [b"b", b"=", b"", b""]),
    ("text v4", [b"2", b"probe", b"", b""]),
    ("text v3", [b"b4", b"////", b"", b"AA=="]),
    ("text v3", [b"b", b"4", b"", b""]),
    ("binary", [b"\x04", b"x", b"", b""]),
    // {type: 2, nsp: "/", data: ["a", …]}, and what is not quite that.
    ("msgpack", [HEAD, b"\x91", b"", b"\xc0"]),
    ("msgpack", [HEAD, b"\x81\xa1a", b"", b"\xc0"]),
    ("msgpack", [HEAD, b"\x91", b"", b""]),
    ("msgpack", [HEAD, b"\x90", b"", b""]),
    ("msgpack", [SKIPPED, b"\x91", b"", b"\xc0"]),
    ("msgpack", [SKIPPED, b"\x82\xc0\xc0\xc0", b"", b"\xc0"]),
    ("msgpack", [b"\xdf\xff\xff\xff\xff", b"\xa4type\x02", b"", b""]),
    ("msgpack", [b"", b"\xdd\xff\xff\xff\xff", b"", b""]),
];

/// A packet whose data is nested in itself.
pub(super) const HEAD: &[u8] = b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x92\xa1a";
/// A packet with a member that nobody asked for.
pub(super) const SKIPPED: &[u8] = b"\x84\xa4type\x02\xa3nsp\xa1/\xa4data\x91\xa1a\xa1x";

const QUERIES: &[[&[u8]; 4]] = &[
    [b"EIO=4", b"&", b"", b"transport=polling"],
    [b"EIO=4", b"&a", b"", b"&transport=polling"],
    [b"EIO=4", b"&a=b", b"", b"&transport=polling"],
    [b"transport=polling", b"&EIO=4", b"", b""],
    [b"transport=polling", b"&sid=AAAAAAAAAAAAAAAAAAAAAA", b"", b""],
    [b"transport=polling&sid=", b"A", b"", b""],
    [b"transport=polling&EIO=", b"%34", b"", b""],
    [b"transport=polling&", b"%", b"", b"=1"],
    [b"transport=polling&a=", b"+", b"", b""],
    [b"transport=polling&a", b"=", b"", b""],
    [b"%74", b"%ff", b"", b"="],
    [b"transport=polling&", b"+%ff", b"", b"=1"],
];

const FORMS: &[[&[u8]; 4]] = &[
    [b"d=4", b"x", b"", b""],
    [b"d=4", b"%5Cn", b"", b""],
    [b"d=4", b"\\n", b"", b""],
    [b"d=4", b"\\", b"", b"n"],
    [b"d=4", b"\\\\n", b"", b""],
    [b"d=", b"%ff", b"", b""],
    [b"d=", b"%", b"", b""],
    [b"d=", b"\xff", b"", b""],
    [b"d=", b"+", b"", b""],
    [b"", b"a=b&", b"", b"d=4"],
    [b"", b"&", b"", b"d=4"],
    [b"d=4", b"&d=4", b"", b""],
    [b"d=4", b"&%64=%34", b"", b""],
    [b"", b"%64", b"", b"=4"],
];

/// All of them, each with the decoder that it is for.
#[must_use]
pub fn shapes() -> Vec<Shape> {
    let mut shapes = Vec::new();
    for parts in PACKETS {
        shapes.push(Shape::new("packet", *parts));
        // The same with Engine.IO's type before it, where a decoder has something to add.
        let mut message = Shape::new("message v3", *parts);
        message.head = [b"4", parts[0]].concat().into();
        shapes.push(message);
    }
    shapes.extend(OTHERS.iter().map(|(decoder, parts)| Shape::new(decoder, *parts)));
    shapes.extend(QUERIES.iter().map(|parts| Shape::new("request", *parts)));
    shapes.extend(FORMS.iter().map(|parts| Shape::new("jsonp", *parts)));
    shapes
}

/// MessagePack says how many elements there are before they come.
const ELEMENTS: [&[u8]; 11] = [
    b"\xc0",
    b"\x01",
    b"\xcb\x3f\xb9\x99\x99\x99\x99\x99\x9a",
    b"\xcb\x7f\xef\xff\xff\xff\xff\xff\xff",
    b"\xd3\x80\x00\x00\x00\x00\x00\x00\x00",
    b"\xa0",
    b"\xa2\x00\x01",
    b"\xc4\x00",
    b"\xc4\x03abc",
    b"\xd7\x00\x00\x00\x00\x00\x00\x00\x00\x00",
    b"\xd4\x00\x00",
];

/// Shapes that must say how many there are or tell them apart, `n` times, with their names: elements, members, one long string
/// of characters that JSON escapes, one long piece of binary, fields of a query.
#[must_use]
pub fn counted(n: usize) -> Vec<(String, Vec<u8>)> {
    let count = u32::try_from(n).expect("a length that MessagePack has").to_be_bytes();
    let open = &HEAD[..HEAD.len() - 3];
    let mut shapes = Vec::new();
    for unit in ELEMENTS {
        let name = |of: &str| format!("msgpack: {of} of {}", unit.escape_ascii());
        let rest = unit.repeat(n);
        shapes.push((name("array"), [open, b"\x92\xa1a\xdd", &count, &rest].concat()));
        let members = [b"\xa1k", unit].concat().repeat(n);
        shapes.push((name("map"), [open, b"\x92\xa1a\xdf", &count, &members].concat()));
        shapes.push((name("forgotten array"), [SKIPPED, b"\xdd", &count, &rest].concat()));
    }
    let long = |marker: u8, byte: u8| [open, b"\x92\xa1a", &[marker], &count, &vec![byte; n]].concat();
    shapes.push(("msgpack: string".into(), long(0xdb, b'x')));
    shapes.push(("msgpack: string of control characters".into(), long(0xdb, 1)));
    shapes.push(("msgpack: string that is no text".into(), long(0xdb, 0xff)));
    shapes.push(("msgpack: binary".into(), long(0xc6, b'x')));
    // As many as fit into a namespace's name.
    let fields: String = (0..n).map(|field| format!("{field:x}&")).take(900).collect();
    shapes.push(("message v3: fields of a query".into(), format!("40/?{fields},").into()));
    let base64 = "AAAA".repeat(n / 4);
    shapes.push(("payload v3: base64".into(), format!("{}:b4{base64}", base64.len() + 2).into()));
    shapes.push(("msgpack: integers as keys".into(), {
        let members = b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff\xc0".repeat(n);
        [open, b"\x92\xa1a\xdf", &count, &members].concat()
    }));
    shapes
}
