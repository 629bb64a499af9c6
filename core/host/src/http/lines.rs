//! The lines of a response's head, written into a buffer.
use http::StatusCode;
use sanket::Time;
use std::cell::Cell;
use std::io::Write;
use std::time::{Duration, UNIX_EPOCH};

/// A head with the usual lines fits in, so that the buffer does not grow while it is written.
pub(super) const ROOM: usize = 256;

/// Length of `Thu, 01 Jan 1970 00:00:00 GMT`.
const DATE: usize = 29;
/// The last second of the year 9999, beyond which there is no such form.
const LAST_SECOND: u64 = 253_402_300_799;

pub(super) fn status(out: &mut Vec<u8>, status: StatusCode) {
    for part in ["HTTP/1.1 ", status.as_str(), " ", status.canonical_reason().unwrap_or_default(), "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
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

pub(super) fn content_length(out: &mut Vec<u8>, length: u64) {
    field(out, "content-length", itoa::Buffer::new().format(length));
}

/// `date`; `now` counts from the Unix epoch. The text is kept for a second, because it is the same in all responses of it.
pub(super) fn date(out: &mut Vec<u8>, now: Time) {
    thread_local! {
        static LAST: Cell<(u64, [u8; DATE])> = const { Cell::new((u64::MAX, [0; DATE])) };
    }
    let second = (now.as_millis() / 1_000).min(LAST_SECOND);
    let (mut written, mut date) = LAST.get();
    if written != second {
        let text = httpdate::HttpDate::from(UNIX_EPOCH + Duration::from_secs(second));
        // Exactly as long as the text is.
        let _ = write!(&mut date[..], "{text}");
        written = second;
        LAST.set((written, date));
    }
    out.extend_from_slice(b"date: ");
    out.extend_from_slice(&date);
    out.extend_from_slice(b"\r\n");
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
        assert_eq!(written(|out| status(out, StatusCode::NOT_FOUND)), "HTTP/1.1 404 Not Found\r\n");
        assert_eq!(written(|out| status(out, StatusCode::from_u16(299).unwrap())), "HTTP/1.1 299 \r\n");
        assert_eq!(written(|out| field(out, "x-a", "b c")), "x-a: b c\r\n");
        assert_eq!(written(|out| field(out, "x-a", "b\r\nc: d")), "");
        for n in [0, 9, 10, 65_536, u64::MAX] {
            assert_eq!(written(|out| content_length(out, n)), format!("content-length: {n}\r\n"));
        }
    }

    #[test]
    fn dates() {
        let at = |millis| written(|out| date(out, Time::from_millis(millis)));
        assert_eq!(at(0), "date: Thu, 01 Jan 1970 00:00:00 GMT\r\n");
        assert_eq!(at(999), at(0));
        assert_eq!(at(1_445_412_480_000), "date: Wed, 21 Oct 2015 07:28:00 GMT\r\n");
        assert_eq!(at(u64::MAX), "date: Fri, 31 Dec 9999 23:59:59 GMT\r\n");
    }
}
