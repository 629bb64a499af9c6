//! Compresses the bodies of responses. Takes time, and is called by whoever has it.

use super::encoding::Encoding;
use crate::http::Response;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use std::io::Write as _;

/// Bytes of a body from which on [`compress`] takes so long (about a millisecond) that it is better done where nothing else
/// waits for it.
pub const LONG: usize = 32 << 10;

/// The same response with its body compressed, and `content-encoding`. There is no compressor for Brotli: with that the
/// response stays as it is.
#[must_use]
pub fn compress(mut response: Response, encoding: Encoding) -> Response {
    let body = &response.body;
    // Writing to memory does not fail.
    let compressed = match encoding {
        Encoding::Brotli => return response,
        Encoding::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(body).and_then(|()| encoder.finish())
        }
        Encoding::Deflate => {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(body).and_then(|()| encoder.finish())
        }
    };
    if let Ok(compressed) = compressed {
        response.body = compressed.into();
        response.add("content-encoding", encoding.as_str());
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::http::StatusCode;
    use flate2::read::{GzDecoder, ZlibDecoder};
    use std::io::Read as _;

    #[test]
    fn bodies_are_compressed_and_can_be_read() {
        let plain = vec![b'a'; 10_000];
        let mut response = Response::new(StatusCode::OK);
        response.body = plain.clone().into();
        for encoding in [Encoding::Gzip, Encoding::Deflate] {
            let compressed = compress(response.clone(), encoding);
            assert!(compressed.body.len() < 100, "{encoding}");
            assert_eq!(compressed.headers().collect::<Vec<_>>(), [("content-encoding", encoding.as_str())]);
            let mut read = Vec::new();
            match encoding {
                Encoding::Gzip => GzDecoder::new(&*compressed.body).read_to_end(&mut read).expect("it is gzip"),
                _ => ZlibDecoder::new(&*compressed.body).read_to_end(&mut read).expect("it is zlib"),
            };
            assert_eq!(read, plain);
        }
        let same = compress(response, Encoding::Brotli);
        assert!(same.body == plain && same.headers().next().is_none());
    }
}
