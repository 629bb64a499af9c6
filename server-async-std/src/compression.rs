//! Compression of the answers to polls: which encoding a client takes, and the bytes in it. Knows no packets.

use async_std::task::spawn_blocking;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use std::io::Write as _;
use tide::http::Headers;
use tide::http::content::{AcceptEncoding, Encoding};

/// Bytes from which on compressing takes long enough to keep others waiting.
const LONG: usize = 32 << 10;

/// What `headers` ask for, if anything that we have.
pub(crate) fn wanted(headers: &Headers) -> Option<Encoding> {
    headers.get(tide::http::headers::ACCEPT_ENCODING)?;
    let mut accepted = AcceptEncoding::from_headers(headers).ok()??;
    // What is not named is accepted too, as far as negotiation goes; the reference compresses for those who name it.
    let chosen = accepted.negotiate(&[Encoding::Gzip, Encoding::Deflate]).ok()?;
    [Encoding::Gzip, Encoding::Deflate].into_iter().find(|encoding| chosen == *encoding)
}

/// `body` in that encoding.
pub(crate) async fn compress(body: Vec<u8>, encoding: Encoding) -> Vec<u8> {
    if body.len() < LONG {
        compressed(&body, encoding)
    } else {
        spawn_blocking(move || compressed(&body, encoding)).await
    }
}

fn compressed(body: &[u8], encoding: Encoding) -> Vec<u8> {
    // Writing to memory does not fail.
    match encoding {
        Encoding::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            let _ = encoder.write_all(body);
            encoder.finish().unwrap_or_default()
        }
        // What HTTP calls deflate is zlib's format.
        _ => {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
            let _ = encoder.write_all(body);
            encoder.finish().unwrap_or_default()
        }
    }
}
