//! What is known of a head that cannot be parsed: the lines that were received are searched.

/// What a refusal may need to know of its request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) origin: Option<Box<str>>,
    pub(super) host: Option<Box<str>>,
    pub(super) path: Option<Box<str>>,
}

/// Searches the complete lines of a head that starts at the first byte. The first line of a name counts. Values with bytes
/// beyond ASCII are not taken.
pub(super) fn scan(bytes: &[u8]) -> Known {
    let start = bytes.iter().position(|b| !matches!(b, b'\r' | b'\n')).unwrap_or(bytes.len());
    let end = memchr::memrchr(b'\n', bytes).map_or(start, |end| end.max(start));
    let mut lines = bytes[start..end].split(|&b| b == b'\n');
    let mut known = Known::default();
    if let Some(line) = lines.next() {
        let target = line.split(|&b| b == b' ').nth(1).unwrap_or_default();
        let path = target.split(|&b| b == b'?').next().unwrap_or_default();
        known.path = text(path).filter(|path| path.starts_with('/'));
    }
    for line in lines.map(<[u8]>::trim_ascii_end).take_while(|line| !line.is_empty()) {
        let Some(colon) = memchr::memchr(b':', line) else { continue };
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        let place = match name {
            name if name.eq_ignore_ascii_case(b"origin") => &mut known.origin,
            name if name.eq_ignore_ascii_case(b"host") => &mut known.host,
            _ => continue,
        };
        if place.is_none() {
            *place = text(value.trim_ascii());
        }
    }
    known
}

fn text(bytes: &[u8]) -> Option<Box<str>> {
    let is_text = bytes.iter().all(|b| *b == b' ' || b.is_ascii_graphic());
    std::str::from_utf8(bytes).ok().filter(|_| is_text).map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(bytes: &[u8]) -> [Option<String>; 3] {
        let Known { origin, host, path } = scan(bytes);
        [origin, host, path].map(|part| part.map(String::from))
    }

    #[test]
    fn what_is_there_is_found() {
        let all = ["https://a".to_owned(), "a:80".to_owned(), "/x".to_owned()].map(Some);
        let text =
            b"\r\nGET /x?y HTTP/9.9\r\nhOST: a:80\r\nbroken\r\norigin:https://a \r\nOrigin: no\r\n\r\nHost: b\r\n";
        assert_eq!(known(text), all);
        assert_eq!(known(b"GET /x HTTP/1.1\r\nOrigin: https://a"), [None, None, Some("/x".into())]);
        assert_eq!(known(b"GET / HTTP/1.1\r\nOrigin: \xe4\r\nHost: \r\n"), [None, Some("".into()), Some("/".into())]);
        for nothing in [&b""[..], b"\n", b"\r\n\r\n", b"\n\n", b"GET", b"GET\n", b"  \n", b"\x16\x03\x01\n"] {
            assert_eq!(known(nothing), [None, None, None], "{nothing:?}");
        }
    }
}
