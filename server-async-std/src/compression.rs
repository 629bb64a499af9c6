//! Compression: which encoding a client takes, and the answers to polls in it. Knows no packets.

use async_std::task::spawn_blocking;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use std::io::Write as _;
use tide::http::content::{AcceptEncoding, Encoding};
use tide::http::headers::ACCEPT_ENCODING;
use tide::http::{Headers, Trailers};

/// Bytes from which on compressing takes long enough to keep others waiting.
const LONG: usize = 32 << 10;

/// What an `Accept-Encoding` asks for, if anything that we can make.
pub(crate) fn wanted(accepted: &str) -> Option<Encoding> {
    // What reads it does so in headers only.
    let mut headers = Trailers::new();
    headers.insert(ACCEPT_ENCODING, accepted);
    best(&headers, [Encoding::Gzip, Encoding::Deflate])
}

/// What `headers` ask for of what we `have`, and the first of what they like equally well.
pub(crate) fn best(headers: &Headers, have: impl IntoIterator<Item = Encoding>) -> Option<Encoding> {
    let accepted = AcceptEncoding::from_headers(headers).ok()??;
    // Its own negotiation overlooks that a weight of zero is a refusal.
    let weight = |wanted: Encoding| {
        let proposal = accepted.iter().find(|proposal| **proposal == wanted);
        proposal.map_or(f32::from(u8::from(accepted.wildcard())), |proposal| proposal.weight().unwrap_or(1.0))
    };
    let weighed = have.into_iter().map(|encoding| (encoding, weight(encoding))).filter(|(_, weight)| *weight > 0.0);
    let best = weighed.reduce(|best, next| if next.1 > best.1 { next } else { best });
    best.map(|(encoding, _)| encoding)
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
