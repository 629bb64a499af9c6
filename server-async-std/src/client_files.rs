//! The files of `socket.io-client` that pages load from the server they talk to (`<script src="/socket.io/socket.io.js">`),
//! as the reference serves them. They come out of npm's package when the program is built. Knows nothing of sessions.

use crate::assets::Asset;
use tide::http::headers::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL};
use tide::{Request, Server};

static FILES: &[Asset] = include!(concat!(env!("OUT_DIR"), "/client_files.rs"));

/// Serves `socket.io.js`, `socket.io.min.js`, `socket.io.esm.min.js`, `socket.io.msgpack.min.js` and their source maps below
/// `path` (`/socket.io`), to which [`Server::mount`](crate::Server::mount) has no claim. A program that was built with
/// `SANKET_SKIP_WEB` does not have them, and nothing is mounted.
///
/// ```
/// let mut app = tide::new();
/// sanket_async_std::client_files::mount(&mut app, "/socket.io");
/// ```
pub fn mount<State>(app: &mut Server<State>, path: &str)
where
    State: Clone + Send + Sync + 'static,
{
    serve(app, path, FILES);
}

fn serve<State>(app: &mut Server<State>, path: &str, files: &'static [Asset])
where
    State: Clone + Send + Sync + 'static,
{
    let path = path.trim_end_matches('/');
    for file in files {
        let endpoint = move |request: Request<State>| async move {
            let mut response = file.respond(request.as_ref(), content_type(file.path));
            response.insert_header(CACHE_CONTROL, "public, max-age=0");
            // They are no secret, and a module is only loaded from elsewhere where that is allowed.
            response.insert_header(ACCESS_CONTROL_ALLOW_ORIGIN, "*");
            Ok(response)
        };
        // The reference does not look at the method. GET has a route of its own, or tide would prefer another's wildcard.
        app.at(&format!("{path}{}", file.path)).get(endpoint).all(endpoint);
    }
}

/// In the reference's words: browsers take both kinds of JavaScript.
fn content_type(path: &str) -> &'static str {
    if path.ends_with(".map") { "application/json; charset=utf-8" } else { "application/javascript; charset=utf-8" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_std::task::block_on;
    use flate2::read::{GzDecoder, ZlibDecoder};
    use std::io::Read as _;
    use tide::http::content::Encoding;
    use tide::http::{self, Method};

    static MADE_UP: &[Asset] = &[
        Asset {
            path: "/socket.io.js",
            etag: "\"1.2.3\"",
            bytes: b"as it is",
            encoded: &[(Encoding::Brotli, b"br"), (Encoding::Gzip, b"gz"), (Encoding::Deflate, b"zz")],
        },
        Asset { path: "/socket.io.js.map", etag: "\"1.2.3\"", bytes: b"{}", encoded: &[] },
    ];

    fn ask(method: Method, path: &str, headers: &[(&str, &str)]) -> http::Response {
        let mut app = tide::new();
        app.at("/socket.io").all(|_| async { Ok("the endpoint") });
        app.at("/socket.io/").all(|_| async { Ok("the endpoint") });
        // As somebody has it who serves a directory.
        app.at("/*").get(|_| async { Ok("something else") });
        serve(&mut app, "/socket.io/", MADE_UP);
        let mut request = http::Request::new(method, format!("http://chat.test{path}").as_str());
        for (name, value) in headers {
            request.insert_header(*name, *value);
        }
        block_on(app.respond(request)).unwrap()
    }

    fn get(path: &str, headers: &[(&str, &str)]) -> http::Response {
        ask(Method::Get, path, headers)
    }

    fn text(mut response: http::Response) -> String {
        block_on(response.body_string()).unwrap()
    }

    #[test]
    fn files_come_as_the_reference_sends_them() {
        for (path, content_type, body) in [
            ("/socket.io/socket.io.js", "application/javascript; charset=utf-8", "as it is"),
            ("/socket.io/socket.io.js?v=1", "application/javascript; charset=utf-8", "as it is"),
            ("/socket.io/socket.io.js.map", "application/json; charset=utf-8", "{}"),
        ] {
            let response = get(path, &[]);
            assert_eq!(response.status(), 200, "{path}");
            assert_eq!(response["content-type"], content_type);
            assert_eq!(response["cache-control"], "public, max-age=0");
            assert_eq!(response["etag"], "\"1.2.3\"");
            assert_eq!(response.len(), Some(body.len()), "{path}");
            assert!(response.header("content-encoding").is_none());
            // Pages of other origins load them, too.
            assert!(response.header("cross-origin-resource-policy").is_none());
            assert_eq!(text(response), body);
        }
    }

    #[test]
    fn everything_else_stays_what_it_is() {
        for path in
            ["/socket.io/socket.io.css", "/socket.io/socket.io.js/", "/socket.io.js", "/socket.io//socket.io.js"]
        {
            assert_eq!(text(get(path, &[])), "something else", "{path}");
        }
        assert_eq!(text(ask(Method::Post, "/socket.io", &[])), "the endpoint");
        assert_eq!(text(ask(Method::Post, "/socket.io/?EIO=4", &[])), "the endpoint");
    }

    #[test]
    fn the_method_does_not_matter() {
        for method in [Method::Head, Method::Post, Method::Put, Method::Delete, Method::Options] {
            let response = ask(method, "/socket.io/socket.io.js", &[]);
            assert_eq!((response.status(), response.len()), (http::StatusCode::Ok, Some(8)), "{method}");
        }
    }

    #[test]
    fn what_the_browser_has_is_not_sent_again() {
        for known in ["\"1.2.3\"", "W/\"1.2.3\"", "\"1.2.2\", \"1.2.3\"", "*"] {
            let response = get("/socket.io/socket.io.js", &[("if-none-match", known), ("accept-encoding", "gzip")]);
            assert_eq!((response.status(), response.len()), (http::StatusCode::NotModified, Some(0)), "{known}");
            assert_eq!(response["etag"], "\"1.2.3\"");
            assert_eq!(response["cache-control"], "public, max-age=0");
            assert_eq!(response["vary"], "accept-encoding");
            assert!(response.header("content-encoding").is_none());
        }
        for unknown in ["\"1.2.2\"", "1.2.3", "", "W/"] {
            assert_eq!(get("/socket.io/socket.io.js", &[("if-none-match", unknown)]).status(), 200, "{unknown}");
        }
    }

    #[test]
    fn compressed_as_the_client_likes_it_best() {
        for (accepted, encoding, body) in [
            ("gzip, deflate, br, zstd", Some("br"), "br"),
            ("gzip, deflate", Some("gzip"), "gz"),
            ("deflate", Some("deflate"), "zz"),
            ("br;q=0.1, gzip;q=0.2, deflate;q=0.3", Some("deflate"), "zz"),
            ("br;q=0, gzip", Some("gzip"), "gz"),
            ("*", Some("br"), "br"),
            ("br;q=0, *", Some("gzip"), "gz"),
            ("identity", None, "as it is"),
            ("gzip;q=0", None, "as it is"),
            ("zstd", None, "as it is"),
            ("", None, "as it is"),
        ] {
            let response = get("/socket.io/socket.io.js", &[("accept-encoding", accepted)]);
            let said = response.header("content-encoding").map(|values| values.last().as_str());
            assert_eq!(said, encoding, "{accepted}");
            assert_eq!(response["vary"], "accept-encoding");
            assert_eq!(text(response), body, "{accepted}");
        }
        let plain = get("/socket.io/socket.io.js.map", &[("accept-encoding", "br, gzip")]);
        assert!(plain.header("content-encoding").is_none() && plain.header("vary").is_none());
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
            expected.extend([format!("/socket.io{name}.js"), format!("/socket.io{name}.js.map")]);
        }
        assert_eq!(FILES.iter().map(|file| file.path).collect::<Vec<_>>(), expected);
        for file in FILES {
            let [(Encoding::Brotli, br), (Encoding::Gzip, gzip), (Encoding::Deflate, deflate)] = file.encoded else {
                panic!("{} is not there in three encodings", file.path);
            };
            let (mut from_gzip, mut from_deflate) = (Vec::new(), Vec::new());
            GzDecoder::new(*gzip).read_to_end(&mut from_gzip).unwrap();
            ZlibDecoder::new(*deflate).read_to_end(&mut from_deflate).unwrap();
            assert!(
                from_gzip == file.bytes && from_deflate == file.bytes,
                "{} is something else compressed",
                file.path
            );
            assert!(!br.is_empty() && br.len() < gzip.len(), "{} is not in the order of sizes", file.path);
        }
    }
}
