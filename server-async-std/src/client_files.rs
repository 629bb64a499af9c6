//! The files of `socket.io-client` ([`sanket_host::client_files`]) on a tide application.

use sanket_host::client_files::{client_file, names};
use sanket_host::http;
use sanket_host::request::RequestHead;
use tide::{Body, Request, Response, Server, StatusCode};

/// Serves the client's files below `path` (`/socket.io`), where [`Server::mount`](crate::Server::mount) serves none. A program
/// that was built with `SANKET_SKIP_WEB=1` has none of them, and nothing is mounted.
///
/// ```
/// let mut app = tide::new();
/// sanket_async_std::client_files::mount(&mut app, "/socket.io");
/// ```
pub fn mount<State>(app: &mut Server<State>, path: &str)
where
    State: Clone + Send + Sync + 'static,
{
    let path = path.trim_end_matches('/');
    for name in names() {
        let endpoint = move |request: Request<State>| async move {
            let found = client_file(name, &Head(request.method(), request.as_ref()));
            Ok(found.map_or_else(|| Response::new(StatusCode::NotFound), response))
        };
        // The method does not matter. GET has a route of its own, or tide would prefer another's wildcard.
        app.at(&format!("{path}/{name}")).get(endpoint).all(endpoint);
    }
}

/// The head of a request that tide has parsed.
struct Head<'a>(tide::http::Method, &'a tide::http::Request);

impl RequestHead for Head<'_> {
    fn method(&self) -> &str {
        self.0.as_ref()
    }

    fn path(&self) -> &str {
        self.1.url().path()
    }

    fn query(&self) -> &str {
        self.1.url().query().unwrap_or_default()
    }

    fn fields(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.1
            .iter()
            .flat_map(|(name, values)| values.iter().map(move |value| (name.as_str(), value.as_str().as_bytes())))
    }
}

fn response(file: http::Response) -> Response {
    let mut response = Response::new(file.status.as_u16());
    if file.content_type.is_some() {
        let length = file.body.len();
        response.set_body(Body::from_reader(futures_lite::io::Cursor::new(file.body.clone()), Some(length)));
    }
    for (name, value) in file.headers() {
        response.insert_header(name, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_std::task::block_on;
    use tide::http::{self, Method};

    fn ask(method: Method, path: &str, headers: &[(&str, &str)]) -> http::Response {
        let mut app = tide::new();
        app.at("/socket.io").all(|_| async { Ok("the endpoint") });
        app.at("/socket.io/").all(|_| async { Ok("the endpoint") });
        // As somebody has it who serves a directory.
        app.at("/*").get(|_| async { Ok("something else") });
        mount(&mut app, "/socket.io/");
        let mut request = http::Request::new(method, format!("http://chat.test{path}").as_str());
        for (name, value) in headers {
            request.insert_header(*name, *value);
        }
        block_on(app.respond(request)).expect("tide responds")
    }

    #[test]
    fn files_are_served_beside_the_endpoint() {
        for name in names() {
            let path = format!("/socket.io/{name}");
            for method in [Method::Get, Method::Head, Method::Post] {
                let response = ask(method, &path, &[]);
                assert_eq!(response.status(), 200, "{method} {path}");
                assert_eq!(response["cache-control"], "public, max-age=0");
                assert!(response.len().is_some_and(|length| length > 10_000), "{path}");
            }
            let response = ask(Method::Get, &path, &[("accept-encoding", "br")]);
            assert_eq!(response["content-encoding"], "br");
            let etag = response["etag"].as_str().to_owned();
            let response = ask(Method::Get, &path, &[("if-none-match", &etag)]);
            assert_eq!((response.status(), response.len()), (StatusCode::NotModified, Some(0)), "{path}");
        }
    }

    #[test]
    fn everything_else_stays_what_it_is() {
        let text = |mut response: http::Response| block_on(response.body_string()).expect("it is text");
        for path in ["/socket.io/socket.io.css", "/socket.io/socket.io.js/", "/socket.io.js"] {
            assert_eq!(text(ask(Method::Get, path, &[])), "something else", "{path}");
        }
        for path in ["/socket.io", "/socket.io/?EIO=4"] {
            assert_eq!(text(ask(Method::Post, path, &[])), "the endpoint", "{path}");
        }
    }
}
