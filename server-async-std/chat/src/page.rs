//! The chat page over HTTP: the files embedded by `build.rs`, or those of a directory while the page
//! is being worked on. Knows nothing of sockets, and nothing of what is in the files.

use std::path::{Path, PathBuf};

use crate::assets::Asset;
use tide::http::Method;
use tide::{Body, Request, Response, Server, StatusCode};

/// The scripts, the styles and the socket of this origin, and nothing else. Browsers have counted a
/// WebSocket to the same host as `'self'` since 2022; an older one stays on HTTP long-polling.
/// Trusted Types keep strings from becoming markup; `vue` is the name of Vue's own policy.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types vue";

const HEADERS: [(&str, &str); 6] = [
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
];

static ASSETS: &[Asset] = include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// Where the page comes from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// What was built into the program. Browsers keep it and ask whether it has changed.
    Embedded,
    /// The files below a directory as they are at each request, kept by nobody. For development.
    Directory(PathBuf),
}

/// Serves the page at `/` and its files below it. Every other route of `app` goes before these.
pub(crate) fn mount<State>(app: &mut Server<State>, source: Source)
where
    State: Clone + Send + Sync + 'static,
{
    let endpoint = move |request: Request<State>| {
        let source = source.clone();
        async move { Ok(secured(respond(&request, &source).await)) }
    };
    // For all methods: tide would prefer a wildcard for GET to another route's `all`.
    app.at("/").all(endpoint.clone());
    app.at("/*").all(endpoint);
}

async fn respond<State>(request: &Request<State>, source: &Source) -> Response {
    if !matches!(request.method(), Method::Get | Method::Head) {
        let response = Response::builder(StatusCode::MethodNotAllowed);
        return response.header("allow", "GET, HEAD").build();
    }
    let path = match request.url().path() {
        "/" => "/index.html",
        path => path,
    };
    let found = match source {
        Source::Embedded => embedded(request, path),
        Source::Directory(root) => on_disk(root, path).await,
    };
    found.unwrap_or_else(nothing)
}

fn nothing() -> Response {
    let response = Response::builder(StatusCode::NotFound);
    response.header("cache-control", "no-store").content_type("text/plain").body("Not found").build()
}

/// The response to a request for something that is not there.
pub(crate) fn not_found() -> Response {
    secured(nothing())
}

fn embedded<State>(request: &Request<State>, path: &str) -> Option<Response> {
    let asset = ASSETS.iter().find(|asset| asset.path == path)?;
    let mut response = asset.respond(request.as_ref(), content_type(path));
    response.insert_header("cache-control", lifetime(path));
    Some(response)
}

async fn on_disk(root: &Path, path: &str) -> Option<Response> {
    // No percent sign is decoded, so a name is what it looks like; nor is anything hidden served.
    let is_plain = |name: &str| !name.is_empty() && !name.starts_with('.') && !name.contains(['\\', ':']);
    let path = path.strip_prefix('/').filter(|path| path.split('/').all(is_plain))?;
    // A link must not lead out of the directory either.
    let root = async_std::fs::canonicalize(root).await.ok()?;
    let file = async_std::fs::canonicalize(root.join(path)).await.ok()?;
    if !file.starts_with(&root) || !file.is_file().await {
        return None;
    }
    let body = Body::from_file(file).await.ok()?;
    let response = Response::builder(StatusCode::Ok).body(body).content_type(content_type(path));
    Some(response.header("cache-control", "no-store").build())
}

/// Vite puts a hash of the contents into the names of what it builds; the rest keeps its name.
fn lifetime(path: &str) -> &'static str {
    if path.starts_with("/assets/") { "public, max-age=31536000, immutable" } else { "no-cache" }
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html;charset=utf-8",
        "js" => "text/javascript;charset=utf-8",
        "css" => "text/css;charset=utf-8",
        "json" | "map" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}

fn secured(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        response.insert_header(name, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use std::fs;

    use async_std::task::block_on;
    use tide::http;

    use super::*;

    fn ask(source: &Source, method: Method, path: &str, tag: Option<&str>) -> http::Response {
        let mut app = tide::new();
        app.at("/socket.io/").all(|_| async { Ok("not the page") });
        mount(&mut app, source.clone());
        let mut request = http::Request::new(method, format!("http://chat.test{path}").as_str());
        if let Some(tag) = tag {
            request.insert_header("if-none-match", tag);
        }
        block_on(app.respond(request)).unwrap()
    }

    fn get(source: &Source, path: &str) -> http::Response {
        ask(source, Method::Get, path, None)
    }

    #[test]
    fn every_embedded_file_is_served_as_it_is() {
        for asset in ASSETS {
            let mut response = get(&Source::Embedded, asset.path);
            assert_eq!(response.status(), 200, "{}", asset.path);
            assert_eq!(response["etag"], asset.etag);
            assert_eq!(response["cache-control"], lifetime(asset.path));
            assert_eq!(response["content-type"], content_type(asset.path));
            assert_ne!(response["content-type"], "application/octet-stream", "{}", asset.path);
            assert_eq!(block_on(response.body_bytes()).unwrap(), asset.bytes);
        }
    }

    #[test]
    fn the_root_is_the_page_under_its_policy() {
        let mut response = get(&Source::Embedded, "/?lang=zh");
        assert_eq!(response["content-type"], "text/html;charset=utf-8");
        assert_eq!(response["cache-control"], "no-cache");
        for (name, value) in HEADERS {
            assert_eq!(response[name], value);
        }
        let html = block_on(response.body_string()).unwrap();
        assert!(!html.contains("<style") && !html.contains("<script>"), "the policy forbids {html}");
    }

    #[test]
    fn what_the_browser_has_is_not_sent_again() {
        let etag = get(&Source::Embedded, "/")["etag"].as_str().to_owned();
        for known in [&etag, &format!("\"other\", W/{etag}"), "*"] {
            let response = ask(&Source::Embedded, Method::Get, "/", Some(known));
            assert_eq!((response.status(), response.len()), (StatusCode::NotModified, Some(0)));
            assert_eq!(response["etag"], *etag);
            assert_eq!(response["cache-control"], "no-cache");
        }
        let response = ask(&Source::Embedded, Method::Get, "/", Some("\"other\""));
        assert_eq!(response.status(), 200);
    }

    #[test]
    fn only_reading_is_allowed() {
        let head = ask(&Source::Embedded, Method::Head, "/", None);
        assert_eq!((head.status(), head.len()), (StatusCode::Ok, get(&Source::Embedded, "/").len()));
        let post = ask(&Source::Embedded, Method::Post, "/", None);
        assert_eq!(post.status(), 405);
        assert_eq!(post["allow"], "GET, HEAD");
    }

    #[test]
    fn other_routes_stay_what_they_are() {
        let mut response = get(&Source::Embedded, "/socket.io/?EIO=4");
        assert_eq!(block_on(response.body_string()).unwrap(), "not the page");
        for path in ["/nothing", "/assets", "/assets/", "/index.html/", "//"] {
            let response = get(&Source::Embedded, path);
            assert_eq!(response.status(), 404, "{path}");
            assert_eq!(response["x-content-type-options"], "nosniff");
        }
    }

    #[test]
    fn only_names_with_a_hash_live_for_ever() {
        assert_eq!(lifetime("/assets/index-C-LkK9PE.js"), "public, max-age=31536000, immutable");
        assert_eq!(lifetime("/favicon.svg"), "no-cache");
    }

    #[test]
    fn a_directory_is_read_anew_and_never_left() {
        let base = std::env::temp_dir().join(format!("sanket-page-{}", std::process::id()));
        let root = base.join("web");
        let _ = fs::remove_dir_all(&base);
        fs::create_dir_all(root.join("assets")).unwrap();
        fs::write(base.join("secret.js"), "secret").unwrap();
        fs::write(root.join(".env"), "secret").unwrap();
        fs::write(root.join("index.html"), "one").unwrap();
        fs::write(root.join("assets/a.js"), "two").unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(base.join("secret.js"), root.join("link.js")).unwrap();
        let source = Source::Directory(root.clone());

        let mut response = get(&source, "/");
        assert_eq!(response["cache-control"], "no-store");
        assert_eq!(response["content-type"], "text/html;charset=utf-8");
        assert_eq!(block_on(response.body_string()).unwrap(), "one");
        assert_eq!(block_on(get(&source, "/assets/a.js").body_string()).unwrap(), "two");
        fs::write(root.join("index.html"), "changed").unwrap();
        assert_eq!(block_on(get(&source, "/").body_string()).unwrap(), "changed");

        let outside = ["/../secret.js", "/%2e%2e/secret.js", "/..%2fsecret.js", "/assets/..\\..\\secret.js"];
        for path in outside.into_iter().chain(["/link.js", "/.env", "/assets", "//secret.js", "/none"]) {
            assert_eq!(get(&source, path).status(), 404, "{path}");
        }
        fs::remove_dir_all(base).unwrap();
    }
}
