//! Bytes of the bare server: the answer to the handshake, and frames in both directions. Checks nothing.

use tungstenite::handshake::derive_accept_key;

/// A WebSocket frame's opcode of text.
const TEXT: u8 = 1;
/// And of the end.
const CLOSE: u8 = 8;
/// The bit of a frame that is the whole message.
const FINAL: u8 = 0x80;

/// What a client sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    /// A message of text.
    Text(&'a [u8]),
    /// The end.
    Close,
}

/// The answer to a request to upgrade, and how long the request is, once all of it is there.
pub(super) fn upgrade(head: &[u8]) -> Option<(String, usize)> {
    let mut headers = [httparse::EMPTY_HEADER; 16];
    let mut request = httparse::Request::new(&mut headers);
    let Ok(httparse::Status::Complete(length)) = request.parse(head) else { return None };
    let key = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case("sec-websocket-key"))?;
    let accept = derive_accept_key(key.value);
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    Some((answer, length))
}

/// Appends a message of text.
pub(super) fn text(out: &mut Vec<u8>, parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    out.push(FINAL | TEXT);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ ..126), _) => out.push(short),
        (_, Ok(middle)) => {
            out.push(126);
            out.extend(middle.to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend((length as u64).to_be_bytes());
        }
    }
    for part in parts {
        out.extend_from_slice(part);
    }
}

/// Appends the answer to a client's end.
pub(super) fn close(out: &mut Vec<u8>) {
    out.extend([FINAL | CLOSE, 2]);
    out.extend(1000_u16.to_be_bytes());
}

/// The whole frames of `data`, unmasked where they lie; how many bytes they are.
pub(super) fn each_frame(data: &mut [u8], mut each: impl FnMut(Frame<'_>)) -> usize {
    let mut used = 0;
    while let Some((opcode, start, length)) = header(&data[used..]) {
        let Some(frame) = data[used..].get_mut(start - 4..start.saturating_add(length)) else { break };
        used += start + length;
        let Some((mask, payload)) = frame.split_first_chunk_mut::<4>() else { break };
        unmask(payload, *mask);
        match opcode {
            TEXT => each(Frame::Text(payload)),
            CLOSE => each(Frame::Close),
            _ => {}
        }
    }
    used
}

/// A masked frame's opcode, where its payload begins, and its length, if the whole header is there.
fn header(data: &[u8]) -> Option<(u8, usize, usize)> {
    let (opcode, length) = (data.first()? & 0x0f, data.get(1)? & 0x7f);
    let (start, length) = match length {
        126 => (4, u64::from(u16::from_be_bytes(*data.get(2..4)?.first_chunk()?))),
        127 => (10, u64::from_be_bytes(*data.get(2..10)?.first_chunk()?)),
        short => (2, u64::from(short)),
    };
    Some((opcode, start + 4, usize::try_from(length).ok()?))
}

/// Eight bytes at a time; eight are two masks.
fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let twice = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ twice).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_send_is_read_whatever_its_length() {
        for length in [0, 1, 7, 8, 125, 126, 70_000] {
            let said = vec![b'x'; length];
            let mut data = Vec::new();
            crate::ws::text(&mut data, &[&said]);
            crate::ws::close(&mut data);
            let whole = data.len();
            data.extend([0x81]);
            let mut seen = Vec::new();
            let used = each_frame(&mut data, |frame| {
                seen.push(if let Frame::Text(text) = frame { Some(text.to_vec()) } else { None });
            });
            assert_eq!((used, seen), (whole, vec![Some(said), None]));
        }
    }

    #[test]
    fn half_a_frame_is_left_as_it_is() {
        let mut data = Vec::new();
        crate::ws::text(&mut data, &[b"0123456789"]);
        data.pop();
        let before = data.clone();
        assert_eq!(each_frame(&mut data, |_| panic!("it is not whole")), 0);
        assert_eq!(data, before);
    }

    #[test]
    fn what_it_says_is_read_by_clients() {
        for length in [0, 125, 126, 70_000] {
            let mut data = Vec::new();
            text(&mut data, &[&vec![b'x'; length]]);
            let mut found = None;
            let used = crate::ws::each_frame(&data, |frame| {
                found = if let crate::ws::Frame::Text(text) = frame { Some(text.len()) } else { None };
                Ok(())
            });
            assert_eq!((used, found), (Ok(data.len()), Some(length)));
        }
    }
}
