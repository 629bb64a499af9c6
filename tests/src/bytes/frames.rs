//! WebSocket frames (RFC 6455, 5.2): written as a client writes them, read as a server may write them.

pub(crate) const FIN: u8 = 0x80;
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

const MASK: [u8; 4] = [0x12, 0x34, 0x56, 0x78];

/// Appends a masked frame; `first` is its first byte.
pub(crate) fn write(out: &mut Vec<u8>, first: u8, payload: &[u8]) {
    out.push(first);
    // Both casts are guarded by the ranges.
    #[expect(clippy::cast_possible_truncation, reason = "the ranges say so")]
    match payload.len() {
        length @ 0..126 => out.push(0x80 | length as u8),
        length @ 126..0x1_0000 => {
            out.push(0x80 | 126);
            out.extend((length as u16).to_be_bytes());
        }
        length => {
            out.push(0x80 | 127);
            out.extend((length as u64).to_be_bytes());
        }
    }
    out.extend(MASK);
    out.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}

/// The frame at the start of `bytes`: opcode, payload, and the length of all. `None`: it is not complete.
///
/// # Panics
///
/// If no server may send it: it is masked, a fragment, has reserved bits, an unknown opcode, a length that is not the
/// shortest, or is a control frame that is too long.
pub(crate) fn read(bytes: &[u8]) -> Option<(u8, &[u8], usize)> {
    let [first, second, rest @ ..] = bytes else { return None };
    assert!(first & FIN != 0, "a fragment");
    assert!(first & 0x70 == 0, "reserved bits: {first:#x}");
    assert!(second & 0x80 == 0, "a masked frame of a server");
    let (length, header) = match second & 0x7f {
        126 => {
            let length = u16::from_be_bytes(*rest.first_chunk()?);
            assert!(length >= 126, "not the shortest length: {length}");
            (usize::from(length), 4)
        }
        127 => {
            let length = u64::from_be_bytes(*rest.first_chunk()?);
            assert!(length > 0xffff, "not the shortest length: {length}");
            (usize::try_from(length).unwrap_or(usize::MAX), 10)
        }
        length => (usize::from(length), 2),
    };
    let opcode = first & 0x0f;
    assert!(matches!(opcode, TEXT | BINARY | CLOSE | PING | PONG), "an opcode of no whole message: {opcode}");
    assert!(opcode < 8 || length <= 125, "a control frame of {length} bytes");
    let end = length.saturating_add(header);
    Some((opcode, bytes.get(header..end)?, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_all_lengths() {
        for length in [0, 1, 125, 126, 0xffff, 0x1_0000] {
            let payload = vec![b'a'; length];
            let mut frame = Vec::new();
            write(&mut frame, FIN | BINARY, &payload);
            let header = frame.len() - length - MASK.len();
            // Without its mask it is a server's.
            let mut unmasked = frame[..header].to_vec();
            unmasked[1] &= 0x7f;
            unmasked.extend(&payload);
            assert_eq!(read(&unmasked), Some((BINARY, &*payload, unmasked.len())));
            assert_eq!(read(&unmasked[..unmasked.len() - 1]), None);
        }
    }
}
