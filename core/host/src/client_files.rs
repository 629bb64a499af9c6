//! The files of `socket.io-client` that pages load from the server that they connect to
//! (`<script src="/socket.io/socket.io.js">`), as the reference serves them. They are built into the program, with the cargo
//! feature `client-files`. Knows nothing of sessions, nor of the path of the endpoint.

use crate::http::Response;
use crate::request::{Encoding, RequestHead};
use ::http::StatusCode;
use bytes::Bytes;

static FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/client_files.rs"));

/// A file that is built into the program. `build.rs` writes the table of them.
#[derive(Debug)]
struct File {
    name: &'static str,
    /// With its quotation marks.
    etag: &'static str,
    bytes: &'static [u8],
    /// The same compressed, the smallest first.
    encoded: &'static [(Encoding, &'static [u8])],
}

/// The response to a request for one of the client's files: `socket.io.js`, `socket.io.min.js`, `socket.io.esm.min.js`,
/// `socket.io.msgpack.min.js`, and with `.map` behind each of these its source map. `None` for any other name.
///
/// `path_below` is what follows the endpoint's path and a slash
/// ([`RequestOptions::path_below`](crate::request::RequestOptions::path_below)). The method does not matter, as in the
/// reference. A program that was built with `SANKET_SKIP_WEB=1` in the environment has no files.
#[must_use]
pub fn client_file(path_below: &str, head: &impl RequestHead) -> Option<Response> {
    find(FILES, path_below, head)
}

/// The names of the files, for servers that need a route for each.
pub fn names() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|file| file.name)
}

fn find(files: &[File], name: &str, head: &impl RequestHead) -> Option<Response> {
    files.iter().find(|file| file.name == name).map(|file| file.response(head))
}

impl File {
    fn response(&self, head: &impl RequestHead) -> Response {
        let mut response = Response::new(StatusCode::NOT_MODIFIED);
        // The files are public, and a page of another origin can load a module only if that is allowed.
        response.usual = &[
            ("cache-control", "public, max-age=0"),
            ("access-control-allow-origin", "*"),
            ("x-content-type-options", "nosniff"),
            ("cross-origin-resource-policy", "cross-origin"),
        ];
        response.add("etag", self.etag);
        if !self.encoded.is_empty() {
            response.add("vary", "accept-encoding");
        }
        if self.is_known(head) {
            return response;
        }
        let encoding = self.encoding(head);
        let encoded = self.encoded.iter().find(|(other, _)| Some(*other) == encoding);
        response.status = StatusCode::OK;
        response.content_type = Some(self.content_type());
        response.body = Bytes::from_static(encoded.map_or(self.bytes, |(_, bytes)| bytes));
        if let Some(encoding) = encoding {
            response.add("content-encoding", encoding.as_str());
        }
        response
    }

    /// Whether the client has the file. The comparison is weak (RFC 9110, 13.1.2).
    fn is_known(&self, head: &impl RequestHead) -> bool {
        let mut tags =
            head.values("if-none-match").flat_map(|value| value.split(|b| *b == b',')).map(<[u8]>::trim_ascii);
        tags.any(|tag| tag == b"*" || tag.strip_prefix(b"W/").unwrap_or(tag) == self.etag.as_bytes())
    }

    fn encoding(&self, head: &impl RequestHead) -> Option<Encoding> {
        let accepted = head.list("accept-encoding")?;
        Encoding::best(&accepted, self.encoded.iter().map(|(encoding, _)| *encoding))
    }

    /// As the reference has it. Browsers accept this type for both kinds of scripts.
    fn content_type(&self) -> &'static str {
        if self.name.ends_with(".map") {
            "application/json; charset=utf-8"
        } else {
            "application/javascript; charset=utf-8"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::test_head::Head;
    use flate2::read::{GzDecoder, ZlibDecoder};
    use std::io::Read as _;

    static MADE_UP: &[File] = &[
        File {
            name: "socket.io.js",
            etag: "\"1.2.3\"",
            bytes: b"as it is",
            encoded: &[(Encoding::Brotli, b"br"), (Encoding::Gzip, b"gz"), (Encoding::Deflate, b"zz")],
        },
        File { name: "socket.io.js.map", etag: "\"1.2.3\"", bytes: b"{}", encoded: &[] },
    ];

    fn get(name: &str, fields: &[(&str, &str)]) -> Response {
        let head = fields.iter().fold(Head::get("/"), |head, (name, value)| head.field(name, value));
        find(MADE_UP, name, &head).expect("it is there")
    }

    fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
        let mut values = response.headers().filter(|(header, _)| *header == name).map(|(_, value)| value);
        let value = values.next();
        assert_eq!(values.next(), None, "{name} is there twice");
        value
    }

    #[test]
    fn files_come_as_the_reference_sends_them() {
        for (name, content_type, body) in [
            ("socket.io.js", "application/javascript; charset=utf-8", "as it is"),
            ("socket.io.js.map", "application/json; charset=utf-8", "{}"),
        ] {
            let response = get(name, &[]);
            assert_eq!(response.status, StatusCode::OK, "{name}");
            assert_eq!(header(&response, "content-type"), Some(content_type));
            assert_eq!(header(&response, "cache-control"), Some("public, max-age=0"));
            assert_eq!(header(&response, "etag"), Some("\"1.2.3\""));
            assert_eq!(header(&response, "content-encoding"), None);
            // Pages of other origins load them, too.
            assert_eq!(header(&response, "access-control-allow-origin"), Some("*"));
            assert_eq!(response.body, body);
        }
    }

    #[test]
    fn other_names_are_no_files() {
        for name in ["", "/", "socket.io.css", "socket.io.js/", "/socket.io.js", "Socket.io.js", "%73ocket.io.js"] {
            assert!(find(MADE_UP, name, &Head::get("/")).is_none(), "{name}");
            assert!(client_file(name, &Head::get("/")).is_none(), "{name}");
        }
    }

    #[test]
    fn the_method_does_not_matter() {
        for method in ["HEAD", "POST", "PUT", "DELETE", "OPTIONS"] {
            let response = find(MADE_UP, "socket.io.js", &Head::new(method, "/")).expect("it is there");
            assert_eq!((response.status, &*response.body), (StatusCode::OK, &b"as it is"[..]), "{method}");
        }
    }

    #[test]
    fn what_the_browser_has_is_not_sent_again() {
        for known in ["\"1.2.3\"", "W/\"1.2.3\"", "\"1.2.2\", \"1.2.3\"", "*"] {
            let response = get("socket.io.js", &[("if-none-match", known), ("accept-encoding", "gzip")]);
            assert_eq!(response.status, StatusCode::NOT_MODIFIED, "{known}");
            assert!(response.body.is_empty());
            assert_eq!(header(&response, "etag"), Some("\"1.2.3\""));
            assert_eq!(header(&response, "cache-control"), Some("public, max-age=0"));
            assert_eq!(header(&response, "vary"), Some("accept-encoding"));
            assert_eq!(header(&response, "content-encoding"), None);
            assert_eq!(header(&response, "content-type"), None);
        }
        let in_two_lines = [("if-none-match", "\"1.2.2\""), ("if-none-match", "\"1.2.3\"")];
        assert_eq!(get("socket.io.js", &in_two_lines).status, StatusCode::NOT_MODIFIED);
        for unknown in ["\"1.2.2\"", "1.2.3", "", "W/", "W/W/\"1.2.3\"", "W/\"\"1.2.3\"\""] {
            assert_eq!(get("socket.io.js", &[("if-none-match", unknown)]).status, StatusCode::OK, "{unknown}");
        }
    }

    #[test]
    fn compressed_as_the_client_likes_it_best() {
        for (accepted, encoding, body) in [
            (&["gzip, deflate, br, zstd"][..], Some("br"), "br"),
            (&["gzip", "deflate"], Some("gzip"), "gz"),
            (&["deflate"], Some("deflate"), "zz"),
            (&["br;q=0.1, gzip;q=0.2, deflate;q=0.3"], Some("deflate"), "zz"),
            (&["br;q=0, *"], Some("gzip"), "gz"),
            (&["identity"], None, "as it is"),
            (&["gzip;q=0"], None, "as it is"),
            (&[""], None, "as it is"),
        ] {
            let fields: Vec<_> = accepted.iter().map(|value| ("accept-encoding", *value)).collect();
            let response = get("socket.io.js", &fields);
            assert_eq!(header(&response, "content-encoding"), encoding, "{accepted:?}");
            assert_eq!(header(&response, "vary"), Some("accept-encoding"));
            assert_eq!(response.body, body, "{accepted:?}");
        }
        let plain = get("socket.io.js.map", &[("accept-encoding", "br, gzip")]);
        assert!(header(&plain, "content-encoding").is_none() && header(&plain, "vary").is_none());
    }

    #[test]
    fn what_was_built_in_is_whole() {
        if FILES.is_empty() {
            // Only if that was asked for.
            assert!(option_env!("SANKET_SKIP_WEB").is_some_and(|value| !["", "0"].contains(&value)));
            return;
        }
        let mut expected = Vec::new();
        for name in ["", ".min", ".esm.min", ".msgpack.min"] {
            expected.extend([format!("socket.io{name}.js"), format!("socket.io{name}.js.map")]);
        }
        assert_eq!(names().collect::<Vec<_>>(), expected);
        for file in FILES {
            let [(Encoding::Brotli, br), (Encoding::Gzip, gzip), (Encoding::Deflate, deflate)] = file.encoded else {
                panic!("{} is not there in three encodings", file.name);
            };
            let (mut from_gzip, mut from_deflate) = (Vec::new(), Vec::new());
            GzDecoder::new(*gzip).read_to_end(&mut from_gzip).expect("it is gzip");
            ZlibDecoder::new(*deflate).read_to_end(&mut from_deflate).expect("it is zlib");
            assert!(
                from_gzip == file.bytes && from_deflate == file.bytes,
                "{} is something else compressed",
                file.name
            );
            assert!(!br.is_empty() && br.len() < gzip.len(), "{} is not in the order of sizes", file.name);
        }
    }
}
