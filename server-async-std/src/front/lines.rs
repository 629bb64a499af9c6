//! The lines of a response's head, written into a buffer. Knows how they are spelled, not what a response should say.
use std::cell::Cell;
use std::time::{SystemTime, UNIX_EPOCH};
use tide::http::StatusCode;
use tide::http::other::Date;

/// A head with its usual lines fits in, so that the buffer does not grow while it is written.
pub(super) const ROOM: usize = 256;

/// `Thu, 01 Jan 1970 00:00:00 GMT`.
const DATE: usize = 29;

pub(super) fn status(out: &mut Vec<u8>, status: StatusCode) {
    out.extend_from_slice(b"HTTP/1.1 ");
    number(out, u16::from(status).into());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// A header, unless its value would end the line and begin another.
pub(super) fn field(out: &mut Vec<u8>, name: &str, value: &str) {
    if value.bytes().any(|b| matches!(b, b'\r' | b'\n' | 0)) {
        log::error!("dropped a response header with a line break in its value: {name}");
        return;
    }
    for part in [name, ": ", value, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}

pub(super) fn content_length(out: &mut Vec<u8>, length: usize) {
    out.extend_from_slice(b"content-length: ");
    number(out, length);
    out.extend_from_slice(b"\r\n");
}

/// `date`, which changes once a second and is written as often.
pub(super) fn date(out: &mut Vec<u8>) {
    thread_local! {
        static LAST: Cell<(u64, [u8; DATE])> = const { Cell::new((u64::MAX, [0; DATE])) };
    }
    let now = SystemTime::now();
    let second = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (mut written, mut date) = LAST.get();
    if written != second {
        let value = Date::new(now).value();
        let Ok(text) = value.as_str().as_bytes().try_into() else { return };
        (written, date) = (second, text);
        LAST.set((written, date));
    }
    out.extend_from_slice(b"date: ");
    out.extend_from_slice(&date);
    out.extend_from_slice(b"\r\n");
}

fn number(out: &mut Vec<u8>, mut n: usize) {
    let (mut digits, mut start) = ([0; 20], 20);
    loop {
        start -= 1;
        // Below ten.
        digits[start] = b'0' + u8::try_from(n % 10).unwrap_or_default();
        n /= 10;
        if n == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines_are_spelled_as_http_has_them() {
        assert_eq!(written(|out| status(out, StatusCode::NotFound)), "HTTP/1.1 404 Not Found\r\n");
        assert_eq!(written(|out| field(out, "x-a", "b c")), "x-a: b c\r\n");
        assert_eq!(written(|out| field(out, "x-a", "b\r\nc: d")), "");
        for n in [0, 9, 10, 65_536, usize::MAX] {
            assert_eq!(written(|out| content_length(out, n)), format!("content-length: {n}\r\n"));
        }
    }

    #[test]
    fn the_date_is_that_of_now() {
        let before = Date::now();
        let line = written(date);
        assert_eq!(line.len(), "date: \r\n".len() + DATE);
        assert_eq!(written(date).len(), line.len());
        let told = [before, Date::now()].map(|date| format!("date: {}\r\n", date.value()));
        assert!(told.contains(&line), "{line} is not among {told:?}");
    }
}
