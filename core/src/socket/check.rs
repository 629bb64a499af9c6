//! Checks JSON in one pass. Accepts what serde_json accepts, limits the depth, and finds where the parts are that the
//! decoder needs. Every event is checked, and serde_json would take two slower passes, one of them for the depth. Tests
//! compare the two. Nothing here is recursive, so that nesting takes no stack.

use alloc::vec::Vec;
use core::ops::Range;

/// Why text is refused. If there are several reasons, the first in the text counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is not JSON, or not the wanted kind of value.
    Syntax,
    /// Arrays and objects are nested too deeply.
    Depth,
}

/// The first element of an array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct First {
    /// Its range in the text.
    pub(crate) at: Range<usize>,
    /// It is a string without escapes.
    pub(crate) is_plain: bool,
}

/// Checks that `text` is an array, and finds its first element, if there is one.
pub(crate) fn array(text: &str, max_depth: usize) -> Result<Option<First>, Fault> {
    let bytes = text.as_bytes();
    let (b'[', at) = sign(bytes, 0) else { return Err(Fault::Syntax) };
    let room = max_depth.checked_sub(1).ok_or(Fault::Depth)?;
    let first = match sign(bytes, at + 1) {
        (b']', at) => return end(bytes, at + 1).map(|()| None),
        // An event's name is nearly always a string without escapes.
        (b'"', at) => {
            let end = plain(bytes, at + 1);
            let is_plain = byte(bytes, end) == b'"';
            let end = if is_plain { end + 1 } else { escapes(bytes, end).ok_or(Fault::Syntax)? };
            First { at: at..end, is_plain }
        }
        (_, at) => First { at: at..value(bytes, at, room)?, is_plain: false },
    };
    let mut at = first.at.end;
    loop {
        match sign(bytes, at) {
            (b',', comma) => at = value(bytes, sign(bytes, comma + 1).1, room)?,
            (b']', at) => return end(bytes, at + 1).map(|()| Some(first)),
            _ => return Err(Fault::Syntax),
        }
    }
}

/// Checks that `text` is an object, and returns its range.
pub(crate) fn object(text: &str, max_depth: usize) -> Result<Range<usize>, Fault> {
    let bytes = text.as_bytes();
    let (b'{', start) = sign(bytes, 0) else { return Err(Fault::Syntax) };
    let object = start..value(bytes, start, max_depth)?;
    end(bytes, object.end).map(|()| object)
}

/// Checks that only whitespace follows.
fn end(bytes: &[u8], at: usize) -> Result<(), Fault> {
    if sign(bytes, at).1 == bytes.len() { Ok(()) } else { Err(Fault::Syntax) }
}

/// The open containers, as a bit each, the innermost lowest. A word has 64; usually one word is enough.
#[derive(Debug)]
struct Open {
    depth: usize,
    innermost: u64,
}

const ARRAY: u64 = 0;
const OBJECT: u64 = 1;

impl Open {
    fn push(&mut self, what: u64, around: &mut Vec<u64>) {
        // All words but the innermost are full.
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            around.push(self.innermost);
        }
        self.innermost = (self.innermost << 1) | what;
        self.depth += 1;
    }

    fn pop(&mut self, around: &mut Vec<u64>) {
        self.depth -= 1;
        self.innermost >>= 1;
        if self.depth.is_multiple_of(64)
            && let Some(word) = around.pop()
        {
            self.innermost = word;
        }
    }
}

/// Checks the value that begins at `at`, with a limited depth. Returns where it ends.
fn value(bytes: &[u8], mut at: usize, room: usize) -> Result<usize, Fault> {
    let (mut open, mut around) = (Open { depth: 0, innermost: 0 }, Vec::new());
    'value: loop {
        let end = match byte(bytes, at) {
            b'"' => string(bytes, at),
            b'{' | b'[' if open.depth >= room => return Err(Fault::Depth),
            b'{' => match sign(bytes, at + 1) {
                (b'}', end) => Some(end + 1),
                (sign, name) => {
                    open.push(OBJECT, &mut around);
                    at = key(bytes, sign, name).ok_or(Fault::Syntax)?;
                    continue 'value;
                }
            },
            b'[' => match sign(bytes, at + 1) {
                (b']', end) => Some(end + 1),
                (_, first) => {
                    open.push(ARRAY, &mut around);
                    at = first;
                    continue 'value;
                }
            },
            b'-' | b'0'..=b'9' => number(bytes, at),
            b't' => word(bytes, at, b"true"),
            b'f' => word(bytes, at, b"false"),
            b'n' => word(bytes, at, b"null"),
            _ => None,
        };
        at = end.ok_or(Fault::Syntax)?;
        // A value has ended. Its containers may end with it.
        while open.depth > 0 {
            match (sign(bytes, at), open.innermost & 1) {
                ((b',', comma), ARRAY) => {
                    at = sign(bytes, comma + 1).1;
                    continue 'value;
                }
                ((b',', comma), _) => {
                    let (sign, name) = sign(bytes, comma + 1);
                    at = key(bytes, sign, name).ok_or(Fault::Syntax)?;
                    continue 'value;
                }
                ((b']', end), ARRAY) | ((b'}', end), OBJECT) => {
                    at = end + 1;
                    open.pop(&mut around);
                }
                _ => return Err(Fault::Syntax),
            }
        }
        return Ok(at);
    }
}

/// The byte at a position; beyond the end of the text, a byte that is valid nowhere.
#[inline]
fn byte(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or(0)
}

/// The first byte that is not whitespace, and its position. Clients seldom send whitespace.
#[inline]
fn sign(bytes: &[u8], at: usize) -> (u8, usize) {
    match byte(bytes, at) {
        ..=b' ' => sign_behind_space(bytes, at),
        byte => (byte, at),
    }
}

#[cold]
fn sign_behind_space(bytes: &[u8], mut at: usize) -> (u8, usize) {
    while let b' ' | b'\n' | b'\t' | b'\r' = byte(bytes, at) {
        at += 1;
    }
    (byte(bytes, at), at)
}

// Each of the functions below takes the position where something begins, and returns the position where it ends, if
// it does.

/// A key that begins with `sign`, its colon, and whitespace after the colon.
#[inline]
fn key(bytes: &[u8], first: u8, at: usize) -> Option<usize> {
    if first != b'"' {
        return None;
    }
    let (b':', colon) = sign(bytes, string(bytes, at)?) else { return None };
    Some(sign(bytes, colon + 1).1)
}

fn word(bytes: &[u8], at: usize, word: &[u8]) -> Option<usize> {
    bytes.get(at..)?.starts_with(word).then_some(at + word.len())
}

fn number(bytes: &[u8], mut at: usize) -> Option<usize> {
    if byte(bytes, at) == b'-' {
        at += 1;
    }
    at = match byte(bytes, at) {
        // Only a fraction or an exponent may follow. The caller refuses anything else.
        b'0' => at + 1,
        _ => digits(bytes, at)?,
    };
    if byte(bytes, at) == b'.' {
        at = digits(bytes, at + 1)?;
    }
    if let b'e' | b'E' = byte(bytes, at) {
        at += 1;
        if let b'+' | b'-' = byte(bytes, at) {
            at += 1;
        }
        at = digits(bytes, at)?;
    }
    Some(at)
}

/// One digit or more.
#[inline]
fn digits(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    while byte(bytes, at).is_ascii_digit() {
        at += 1;
    }
    (at > start).then_some(at)
}

#[inline]
fn string(bytes: &[u8], at: usize) -> Option<usize> {
    let end = plain(bytes, at + 1);
    if byte(bytes, end) == b'"' { Some(end + 1) } else { escapes(bytes, end) }
}

/// The rest of a string that begins with an escape.
#[inline(never)]
fn escapes(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match byte(bytes, at) {
            b'"' => return Some(at + 1),
            b'\\' => at = plain(bytes, escape(bytes, at)?),
            _ => return None,
        }
    }
}

/// An escape. Half a surrogate pair is valid, as in JavaScript.
#[inline]
fn escape(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at + 1..)? {
        [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => Some(at + 2),
        [b'u', a, b, c, d, ..] if [a, b, c, d].iter().all(|digit| digit.is_ascii_hexdigit()) => Some(at + 6),
        _ => None,
    }
}

/// Characters that neither end a string, nor begin an escape, nor are forbidden. Most of an event's text is checked
/// here, many bytes at a time.
#[inline(always)]
pub(crate) fn plain(bytes: &[u8], start: usize) -> usize {
    let mut rest = bytes.get(start..).unwrap_or_default();
    'words: loop {
        // Most strings are short.
        for _ in 0..2 {
            let Some((word, after)) = rest.split_first_chunk() else { break 'words };
            if let Some(index) = first_special(u64::from_le_bytes(*word)) {
                return bytes.len() - rest.len() + index;
            }
            rest = after;
        }
        // As many bytes as current processors compare with one instruction.
        while let Some((chunk, after)) = rest.split_first_chunk::<16>()
            && !chunk.iter().fold(false, |any, byte| any | is_special(*byte))
        {
            rest = after;
        }
    }
    let index = rest.iter().take_while(|byte| !is_special(**byte)).count();
    bytes.len() - rest.len() + index
}

/// A quote, a backslash, or a control character: what must be escaped in a string. Without branches, and with one
/// comparison for quotes and control characters: when its second bit is inverted, a quote is one more than the largest
/// control character.
fn is_special(byte: u8) -> bool {
    ((byte ^ 2) <= b' ') | (byte == b'\\')
}

/// The first special byte of a word, from the lowest on. Each subtraction that borrows leaves the highest bit of its
/// byte set. The bytes above the first may be wrong because of the borrow.
fn first_special(word: u64) -> Option<usize> {
    const ONES: u64 = u64::MAX / 255;
    const fn less(word: u64, than: u8) -> u64 {
        word.wrapping_sub(ONES * than as u64) & !word
    }
    let backslash = less(word ^ (ONES * b'\\' as u64), 1);
    let other = less(word ^ (ONES * 2), b' ' + 1);
    let special = (backslash | other) & (ONES << 7);
    (special != 0).then(|| special.trailing_zeros() as usize / 8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use serde_json::value::RawValue;

    /// The same by serde_json. The text must not be so deep that serde_json refuses it for its depth.
    fn expected(text: &str) -> Result<Option<Range<usize>>, Fault> {
        let elements: Vec<&RawValue> = serde_json::from_str(text).map_err(|_| Fault::Syntax)?;
        Ok(elements.first().map(|first| {
            let start = first.get().as_ptr() as usize - text.as_ptr() as usize;
            start..start + first.get().len()
        }))
    }

    fn checked(text: &str) -> Result<Option<Range<usize>>, Fault> {
        let first = array(text, usize::MAX)?;
        if let Some(First { at, is_plain }) = &first {
            assert_eq!(*is_plain, text[at.clone()].starts_with('"') && !text[at.clone()].contains('\\'), "{text}");
        }
        Ok(first.map(|first| first.at))
    }

    #[test]
    fn short_texts_are_taken_or_not_as_by_serde_json() {
        /// Every sequence of these, up to this length, is tried: in an array, in a string, in an object, and alone.
        const PIECES: [&str; 20] = [
            "[", "]", "{", "}", ",", ":", "\"", "\\", "\\u", "00aF", " ", "\n", "\u{1f}", "-", "0", "1", ".", "e",
            "true", "é",
        ];
        const LENGTH: u32 = 4;
        let mut text = String::new();
        for n in 0..PIECES.len().pow(LENGTH) {
            let pieces = (0..LENGTH).map(|place| PIECES[n / PIECES.len().pow(place) % PIECES.len()]);
            for (before, after) in [("", ""), ("[", "]"), ("[\"", "\"]"), ("[{\"a\":", "}]")] {
                text.clear();
                text.push_str(before);
                text.extend(pieces.clone());
                text.push_str(after);
                assert_eq!(checked(&text), expected(&text), "{text:?}");
            }
        }
    }

    #[test]
    fn numbers_and_words_are_what_json_has() {
        let pieces = ["-", "0", "1", "9", ".", "e", "E", "+", "tru", "e", "nul", "l", "fals"];
        for n in 0..pieces.len().pow(5) {
            let text: String = (0..5).map(|place| pieces[n / pieces.len().pow(place) % pieces.len()]).collect();
            let text = alloc::format!("[{text}]");
            assert_eq!(checked(&text), expected(&text), "{text:?}");
        }
    }

    #[test]
    fn whatever_is_special_is_found_wherever_it_is() {
        for special in
            ["\"", "\\", "\\\"", "\\\\", "\u{0}", "\u{1f}", "\u{7f}", "é", "\u{80}", "\u{10ffff}", " ", "!", "#", "]"]
        {
            for (before, after) in (0..70).flat_map(|before| [0, 1, 7, 8, 15, 16, 40].map(|after| (before, after))) {
                let text = alloc::format!("[\"{}{special}{}\"]", "x".repeat(before), "\u{ff}".repeat(after));
                assert_eq!(checked(&text), expected(&text), "{text:?}");
            }
        }
        for first in 0..=u8::MAX {
            for second in 0..=u8::MAX {
                let word = [b'x', first, second, b'x', second, first, b'"', b'x'];
                let index = first_special(u64::from_le_bytes(word));
                assert_eq!(index, word.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)), "{word:?}");
            }
        }
    }

    #[test]
    fn depth_is_counted_outside_of_strings() {
        let depth = |text, max| array(text, max).map(drop);
        assert_eq!(depth("[]", 0), Err(Fault::Depth));
        assert_eq!(depth("[]", 1), Ok(()));
        assert_eq!(depth(r#"[{"a":[]},[[]]]"#, 3), Ok(()));
        assert_eq!(depth(r#"[{"a":[]},[[]]]"#, 2), Err(Fault::Depth));
        assert_eq!(depth(r#"["[[[[\"[[[[\\"]"#, 1), Ok(()));
        assert_eq!(depth(r#"["\\",[]]"#, 1), Err(Fault::Depth));
        assert_eq!(depth(r#"["\\\\",{}]"#, 1), Err(Fault::Depth));
        // The first error counts.
        assert_eq!(depth("[1]]]][[", 1), Err(Fault::Syntax));
        assert_eq!(depth("[[\"", 1), Err(Fault::Depth));
        assert_eq!(depth("[\"[[[\\", 1), Err(Fault::Syntax));
        assert_eq!(object("{}", 0), Err(Fault::Depth));
        let deep = "[".repeat(1_000_000);
        assert_eq!(depth(&deep, 999_999), Err(Fault::Depth));
        assert_eq!(depth(&deep, 1_000_000), Err(Fault::Syntax));
    }

    #[test]
    fn what_is_open_is_known_at_any_depth() {
        // A bit pattern that differs from word to word.
        let is_object = |level: usize| (level * level / 7 + level).is_multiple_of(3);
        for levels in [1, 2, 63, 64, 65, 66, 127, 128, 129, 1_000] {
            let open: String = (0..levels).map(|level| if is_object(level) { "{\"a\":" } else { "[" }).collect();
            let close = |wrong: usize| -> String {
                (0..levels).rev().map(|level| if is_object(level) == (level != wrong) { '}' } else { ']' }).collect()
            };
            let whole = |close: &str| alloc::format!("[{open}0{close}]");
            assert_eq!(array(&whole(&close(levels)), levels + 1).map(drop), Ok(()), "{levels}");
            assert_eq!(array(&whole(&close(levels)), levels).map(drop), Err(Fault::Depth), "{levels}");
            for wrong in 0..levels {
                assert_eq!(array(&whole(&close(wrong)), usize::MAX).map(drop), Err(Fault::Syntax), "{levels} {wrong}");
            }
        }
    }

    #[test]
    fn objects_are_found() {
        for (text, found) in [
            ("{}", Ok(0..2)),
            (" {\"a\" : [ { } ] }\n", Ok(1..17)),
            ("", Err(Fault::Syntax)),
            ("[]", Err(Fault::Syntax)),
            ("1", Err(Fault::Syntax)),
            ("{", Err(Fault::Syntax)),
            ("{]", Err(Fault::Syntax)),
            ("{}}", Err(Fault::Syntax)),
            ("{\"a\":1,}", Err(Fault::Syntax)),
            ("{\"a\"}", Err(Fault::Syntax)),
        ] {
            assert_eq!(object(text, 9), found, "{text}");
        }
    }

    #[test]
    fn serde_json_knows_what_an_array_is() {
        for (text, first) in [("[]", None), (" [ 1 , 2 ] ", Some(3..4)), ("[\"a\",[]]", Some(1..4))] {
            assert_eq!((checked(text), expected(text)), (Ok(first.clone()), Ok(first)), "{text}");
        }
    }
}
