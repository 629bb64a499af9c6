//! Reads JSON text that has been checked, without building a value: its tokens, and whether its placeholders have
//! attachments. Nothing here is recursive, so that nesting takes no stack, and everything takes linear time.

use alloc::vec::Vec;
use core::iter::from_fn;
use core::str::Chars;
use memchr::{memchr, memchr_iter};

/// The position after the quote that ends a string, or the end of the text.
fn skip_string(bytes: &mut impl Iterator<Item = u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => drop(bytes.next()),
            _ => {}
        }
    }
}

/// A token. Commas and colons are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    BeginArray,
    EndArray,
    BeginObject,
    EndObject,
    /// The name of a member, with its quotes and escapes.
    Key(&'a str),
    /// With its quotes and escapes.
    String(&'a str),
    Number(&'a str),
    True,
    False,
    Null,
}

/// The tokens of JSON text, in order. In text that is not JSON they end somewhere.
#[derive(Clone, Debug)]
pub(crate) struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { rest: text }
    }
}

const WHITESPACE: [char; 4] = [' ', '\t', '\n', '\r'];
const BETWEEN: [char; 5] = [' ', '\t', '\n', '\r', ','];

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        // Whatever is not put back has been read to its end.
        let text = core::mem::take(&mut self.rest).trim_start_matches(BETWEEN);
        let (token, rest) = match text.bytes().next()? {
            b'[' => (Token::BeginArray, text.get(1..)?),
            b']' => (Token::EndArray, text.get(1..)?),
            b'{' => (Token::BeginObject, text.get(1..)?),
            b'}' => (Token::EndObject, text.get(1..)?),
            b'"' => split_string(text)?,
            b't' => (Token::True, text.strip_prefix("true")?),
            b'f' => (Token::False, text.strip_prefix("false")?),
            b'n' => (Token::Null, text.strip_prefix("null")?),
            b'-' | b'0'..=b'9' => {
                let is_number = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
                let (number, rest) = text.split_at_checked(text.bytes().take_while(is_number).count())?;
                (Token::Number(number), rest)
            }
            _ => return None,
        };
        self.rest = rest;
        Some(token)
    }
}

/// Splits off a string. It is a key if a colon follows.
fn split_string(text: &str) -> Option<(Token<'_>, &str)> {
    let mut bytes = text.bytes();
    bytes.next();
    skip_string(&mut bytes);
    let (string, rest) = text.split_at_checked(text.len() - bytes.len())?;
    let rest = rest.trim_start_matches(WHITESPACE);
    Some(match rest.strip_prefix(':') {
        Some(value) => (Token::Key(string), value),
        None => (Token::String(string), rest),
    })
}

/// A string or key without its quotes.
pub(crate) fn inside(string: &str) -> &str {
    let open = string.strip_prefix('"').unwrap_or(string);
    open.strip_suffix('"').unwrap_or(open)
}

/// The characters of a string, given without its quotes. A half of a surrogate pair, which a Rust string cannot
/// contain, becomes U+FFFD.
pub(crate) fn unescape(inside: &str) -> impl Iterator<Item = char> {
    let mut chars = inside.chars();
    from_fn(move || match chars.next()? {
        '\\' => Some(escaped(&mut chars).unwrap_or(char::REPLACEMENT_CHARACTER)),
        plain => Some(plain),
    })
}

/// The character of the escape that begins after a backslash.
fn escaped(chars: &mut Chars<'_>) -> Option<char> {
    match chars.next()? {
        'b' => Some('\u{8}'),
        'f' => Some('\u{c}'),
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        'u' => {
            let first = utf16_unit(chars)?;
            if let Some(whole) = char::from_u32(first.into()) {
                return Some(whole);
            }
            let mut ahead = chars.clone();
            if (ahead.next(), ahead.next()) != (Some('\\'), Some('u')) {
                return None;
            }
            let pair = char::decode_utf16([first, utf16_unit(&mut ahead)?]).next()?.ok()?;
            *chars = ahead;
            Some(pair)
        }
        itself => Some(itself),
    }
}

/// Four hexadecimal digits.
fn utf16_unit(chars: &mut Chars<'_>) -> Option<u16> {
    (0..4).try_fold(0, |unit, _| Some((unit << 4) | u16::try_from(chars.next()?.to_digit(16)?).ok()?))
}

/// An open object: whether it is a placeholder, and for which attachment. If a member is given twice, the last counts,
/// as in JavaScript. An array has no members, so it is never one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Open {
    /// The attachment's number, if it is an index.
    num: Option<u32>,
    marked: bool,
    member: Member,
}

/// The member whose value comes next.
#[derive(Clone, Copy, Debug, Default)]
enum Member {
    Placeholder,
    Num,
    #[default]
    Other,
}

impl Open {
    /// Takes a key, or a value of the object. Of a value that is a container it needs only the beginning.
    pub(crate) fn read(&mut self, token: &Token<'_>) {
        match (token, self.member) {
            (Token::Key(key), _) => self.member = Member::named(key),
            (Token::EndArray | Token::EndObject, _) | (_, Member::Other) => {}
            (value, Member::Placeholder) => self.marked = *value == Token::True,
            (Token::Number(number), Member::Num) => self.num = index(number),
            (_, Member::Num) => self.num = None,
        }
    }

    /// The attachment that it stands for, of so many. `None` if it is not a placeholder, or has no attachment.
    pub(crate) fn attachment(self, attachments: usize) -> Option<usize> {
        let num = self.num.filter(|_| self.marked)?;
        usize::try_from(num).ok().filter(|num| *num < attachments)
    }
}

impl Member {
    fn named(key: &str) -> Self {
        let key = inside(key);
        let is = |name: &str| if key.contains('\\') { unescape(key).eq(name.chars()) } else { key == name };
        if is("_placeholder") {
            Self::Placeholder
        } else if is("num") {
            Self::Num
        } else {
            Self::Other
        }
    }
}

/// An index, in any spelling: JavaScript has no difference between `1`, `1.0` and `10e-1`.
fn index(number: &str) -> Option<u32> {
    if let Ok(index) = number.parse() {
        return Some(index);
    }
    let value: f64 = number.parse().ok()?;
    #[expect(clippy::cast_possible_truncation, reason = "compared with what it was")]
    let index = value as u32;
    (f64::from(index) == value).then_some(index)
}

/// Whether all placeholders in `text`, which is JSON, are written as clients write them, and stand for the first
/// attachments.
fn plainly_fit(text: &str, attachments: usize) -> bool {
    const NAME: &str = "_placeholder";
    const REST: &str = r#"_placeholder":true,"num":"#;
    let is_one = |before: &str, after: &str| {
        // A quote before a name begins a string, so the brace before it is not inside one.
        let number = if before.ends_with("{\"") { after.strip_prefix(REST) } else { None };
        matches!(number.map(str::as_bytes), Some([digit @ b'0'..=b'9', b'}', ..]) if usize::from(digit - b'0') < attachments)
    };
    // These letters can also be written as escapes.
    memchr(b'\\', text.as_bytes()).is_none()
        && memchr_iter(b'_', text.as_bytes())
            .map(|at| text.split_at(at))
            .all(|(before, after)| !after.starts_with(NAME) || is_one(before, after))
}

/// Whether every placeholder in `text`, which is JSON, stands for one of the attachments (CVE-2022-2421).
pub(crate) fn placeholders_fit(text: &str, attachments: usize) -> bool {
    plainly_fit(text, attachments) || looked_through(text, attachments)
}

/// The same for placeholders in any spelling.
fn looked_through(text: &str, attachments: usize) -> bool {
    let mut open: Vec<Open> = Vec::new();
    for token in Tokens::new(text) {
        if let Some(around) = open.last_mut() {
            around.read(&token);
        }
        match token {
            Token::BeginArray | Token::BeginObject => open.push(Open::default()),
            Token::EndArray | Token::EndObject => {
                let closed = open.pop().unwrap_or_default();
                if closed.marked && closed.attachment(attachments).is_none() {
                    return false;
                }
            }
            _ => {}
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket::check;
    use alloc::string::String;
    use alloc::vec;

    #[test]
    fn tokens_of_every_kind() {
        use Token as T;
        let text = r#" [ {"a" : -1.5e+3,"b":"c:\"","":{}} ,true,false,null,"x" , [ 0,"\\" ] ] "#;
        let expected = vec![
            T::BeginArray,
            T::BeginObject,
            T::Key("\"a\""),
            T::Number("-1.5e+3"),
            T::Key("\"b\""),
            T::String(r#""c:\"""#),
            T::Key("\"\""),
            T::BeginObject,
            T::EndObject,
            T::EndObject,
            T::True,
            T::False,
            T::Null,
            T::String("\"x\""),
            T::BeginArray,
            T::Number("0"),
            T::String(r#""\\""#),
            T::EndArray,
            T::EndArray,
        ];
        assert_eq!(Tokens::new(text).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn tokens_of_what_is_no_json_end() {
        for text in
            ["", " ", "]", "}{", "tru", "[nul", "\"a", "\"\\", "[1}", "+1", "é", "[\"é", ",,,", "::", "\"a\":::"]
        {
            let mut tokens = Tokens::new(text);
            assert!(tokens.by_ref().count() <= text.len(), "{text}");
            assert_eq!(tokens.next(), None, "{text}");
            placeholders_fit(text, 1);
        }
        assert!(placeholders_fit("]}]}\"_placeholder\":true", 0));
    }

    #[test]
    fn escapes_are_characters() {
        let text = |json| unescape(inside(json)).collect::<String>();
        assert_eq!(text(r#""a\"\\\/\b\f\n\r\t\u00fC""#), "a\"\\/\u{8}\u{c}\n\r\tü");
        assert_eq!(text(r#""\ud83d\ude00!""#), "😀!");
        assert_eq!(text(r#""\ud83d""#), "\u{fffd}");
        assert_eq!(text(r#""\ude00\ud83d""#), "\u{fffd}\u{fffd}");
        assert_eq!(text(r#""\ud83d\ud83d\ude00\n""#), "\u{fffd}😀\n");
        assert_eq!(text(r#""\ud83dx\u0041""#), "\u{fffd}xA");
        assert_eq!(text(r#""\ud83d\n\ude00""#), "\u{fffd}\n\u{fffd}");
    }

    #[test]
    fn placeholders_need_their_attachments() {
        for fits in [
            r#"["a",{"_placeholder":true,"num":0}]"#,
            r#"[{ "num" : 1 , "_placeholder" : true }]"#,
            r#"[{"_placeholder":true,"num":1.0},{"_placeholder":true,"num":10E-1},{"_placeholder":true,"num":-0}]"#,
            // These are not placeholders, whatever `num` is.
            r#"[{"_placeholder":false,"num":9},{"_placeholder":"true","num":9},{"_placeholder":1}]"#,
            r#"["_placeholder",true,{"num":9},{"_placeholder":{"_placeholder":null}}]"#,
            r#"{"a":"_placeholder","b":true}"#,
            // The last member of a name counts.
            r#"[{"_placeholder":true,"num":9,"num":1}]"#,
            r#"[{"_placeholder":true,"num":9,"_placeholder":false}]"#,
            r#"[{"_placeholder":true,"_placeholder":[true]}]"#,
            // The members of one level do not count for another.
            r#"[{"_placeholder":true,"a":{"num":9},"num":0,"b":[{"num":9}]}]"#,
            r#"[{"num":9,"a":{"_placeholder":true,"num":1}}]"#,
            r#"[{"_placeholder ":true},{"_\u0050laceholder":true},{"_place":"holder\u0041"}]"#,
        ] {
            assert!(placeholders_fit(fits, 2), "{fits}");
        }
        for misfit in [
            r#"[{"_placeholder":true,"num":2}]"#,
            r#"{"_placeholder":true,"num":2}"#,
            r#"[{"_placeholder":true}]"#,
            r#"[{"_placeholder":true,"num":-1}]"#,
            r#"[{"_placeholder":true,"num":0.5}]"#,
            r#"[{"_placeholder":true,"num":1e400}]"#,
            r#"[{"_placeholder":true,"num":4294967296}]"#,
            r#"[{"_placeholder":true,"num":99999999999999999999999}]"#,
            r#"[{"_placeholder":true,"num":"0"}]"#,
            r#"[{"_placeholder":true,"num":[0]}]"#,
            r#"[{"_placeholder":true,"num":null}]"#,
            r#"[{"_placeholder":true,"num":0,"num":2}]"#,
            r#"[{"_placeholder":true,"num":0,"num":{}}]"#,
            r#"[{"_placeholder":false,"_placeholder":true}]"#,
            r#"[{"num":"\\","_placeholder":true}]"#,
            "[{\"num\"\n:\t2,\r\"_placeholder\" : true}]",
            r#"[{"\u005fplaceholder":true,"num":2}]"#,
            r#"[{"\u005f\u0070\u006c\u0061\u0063\u0065\u0068\u006F\u006C\u0064\u0065\u0072":true,"num":2}]"#,
            r#"[{"_placeholder":true,"num":0,"\u006eum":2}]"#,
            r#"[{"a":[[{"b":{"_placeholder":true,"num":2}}]]}]"#,
            r#"[{"_placeholder":true,"num":0,"a":{"_placeholder":true,"num":2}}]"#,
            r#"[{"_placeholder":true,"a":{"num":0}}]"#,
            r#"[{"_placeholder":true,"a":[],"num":{"num":0}}]"#,
        ] {
            assert!(!placeholders_fit(misfit, 2), "{misfit}");
        }
        assert!(!placeholders_fit(r#"[{"_placeholder":true,"num":0}]"#, 0));
    }

    #[test]
    fn what_fits_plainly_fits() {
        let pieces = [
            "[",
            "]",
            "{",
            "}",
            ",",
            ":",
            "\"",
            "\"a\":",
            "_",
            "_placeholder",
            "{\"_placeholder\":true,\"num\":0}",
            "{\"_placeholder\":true,\"num\":1}",
            "{\"",
            "\"_placeholder\":true",
            "\"num\":0",
        ];
        let mut plainly = 0;
        for n in 0..pieces.len().pow(4) {
            let some: String = (0..4).map(|place| pieces[n / pieces.len().pow(place) % pieces.len()]).collect();
            for text in [alloc::format!("[{some}]"), alloc::format!("[\"{some}\"]"), alloc::format!("[{{{some}}}]")] {
                if check::array(&text, 9).is_ok() && plainly_fit(&text, 1) {
                    plainly += usize::from(text.contains("num"));
                    assert!(looked_through(&text, 1), "{text}");
                }
            }
        }
        assert!(plainly > 10, "{plainly}");
    }

    #[test]
    fn depth_costs_no_stack() {
        let levels = 300_000;
        let (open, close) = ("{\"a\":[".repeat(levels), "]}".repeat(levels));
        let text = |num: u8| alloc::format!("{open}{{\"_placeholder\":true,\"num\":{num}}}{close}");
        assert!(placeholders_fit(&text(0), 1));
        assert!(!placeholders_fit(&text(1), 1));
    }
}
