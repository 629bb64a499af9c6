//! The options of the endpoint that concern HTTP: its path, who may open a session, cookies, compression. The limits of the
//! protocol are in [`sanket::Config`].

use super::allow::{AllowReply, Welcome};
use super::forwarded::{Client, TrustedProxy, is_trusted};
use super::head::{Peer, RequestHead, shown};
use super::hosts::Hosts;
use super::origin::Origins;
use crate::http::{Refusal, Response};
use ::http::StatusCode;
use sanket::Handshake;
use sanket::driver::RequestError;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

type AllowRequest = Box<dyn Fn(Arc<Handshake>, AllowReply) + Send + Sync>;
type OnRequest = Box<dyn Fn(&str, &Handshake) + Send + Sync>;
type OnRefused = Box<dyn Fn(RequestError, &str) + Send + Sync>;

/// Options of the endpoint. Start from [`RequestOptions::default`].
pub struct RequestOptions {
    /// Without a slash at the end.
    path: Box<str>,
    pub(crate) origins: Origins,
    pub(crate) cookie: Option<Cookie>,
    pub(crate) compression: Option<usize>,
    allow_request: Option<AllowRequest>,
    pub(crate) allow_timeout: u64,
    on_refused: Option<OnRefused>,
    on_request: Option<OnRequest>,
    pub(crate) serve_client: bool,
    pub(super) hosts: Hosts,
    pub(super) trusted_proxies: Vec<TrustedProxy>,
    pub(super) jsonp: bool,
}

impl Default for RequestOptions {
    fn default() -> Self {
        Self {
            path: "/socket.io".into(),
            origins: Origins::same(),
            cookie: None,
            compression: Some(1_024),
            allow_request: None,
            allow_timeout: 10_000,
            on_refused: None,
            on_request: None,
            serve_client: true,
            hosts: Hosts::any(),
            trusted_proxies: Vec::new(),
            jsonp: false,
        }
    }
}

impl RequestOptions {
    /// The path of the endpoint. It is compared with the path of a request as that was sent, neither decoded nor normalised,
    /// and stands for itself with and without a slash at the end. Default: `/socket.io`.
    #[must_use]
    pub fn path(mut self, path: &str) -> Self {
        let path = path.trim_matches('/');
        self.path = if path.is_empty() { Box::default() } else { format!("/{path}").into() };
        self
    }

    /// Which web pages may connect. Default: those of the server's own host.
    #[must_use]
    pub fn origins(mut self, origins: Origins) -> Self {
        self.origins = origins;
        self
    }

    /// A cookie with the session's id, for load balancers that send a client to the same server again. The server does not
    /// read it. Default: none, as the reference since 4.0.
    #[must_use]
    pub fn cookie(mut self, cookie: Cookie) -> Self {
        self.cookie = Some(cookie);
        self
    }

    /// Responses to polls of so many bytes or more are compressed with gzip or deflate, if the client accepts that. `None`:
    /// never. Default: 1,024, as the reference.
    #[must_use]
    pub fn compression(mut self, threshold: Option<usize>) -> Self {
        self.compression = threshold;
        self
    }

    /// A function that decides about each handshake before a session is opened for it: the reference's `allowRequest`. It
    /// must not block; the reply may be given later, within [`RequestOptions::allow_timeout`]. Default: none, everybody may.
    #[must_use]
    pub fn allow_request(mut self, allow: impl Fn(Arc<Handshake>, AllowReply) + Send + Sync + 'static) -> Self {
        self.allow_request = Some(Box::new(allow));
        self
    }

    /// Milliseconds until a client is denied for which [`RequestOptions::allow_request`] has given no reply. Default: 10,000.
    #[must_use]
    pub fn allow_timeout(mut self, millis: u64) -> Self {
        self.allow_timeout = millis;
        self
    }

    /// A function that is called with every request that is refused, and its path and query: the reference's
    /// `connection_error`. It must not block.
    #[must_use]
    pub fn on_refused(mut self, on_refused: impl Fn(RequestError, &str) + Send + Sync + 'static) -> Self {
        self.on_refused = Some(Box::new(on_refused));
        self
    }

    /// A function that is called with every request to the endpoint before it is served: its method, and its URL and headers.
    /// It must not block, nor call the server. Default: none.
    #[must_use]
    pub fn on_request(mut self, on_request: impl Fn(&str, &Handshake) + Send + Sync + 'static) -> Self {
        self.on_request = Some(Box::new(on_request));
        self
    }

    /// Whether the client's files (`socket.io.js` and its like) are served below the path, if they were built in with the cargo
    /// feature `client-files`. Default `true`, as the reference's `serveClient`.
    #[must_use]
    pub fn serve_client(mut self, serves: bool) -> Self {
        self.serve_client = serves;
        self
    }

    /// Which hosts are answered for: any other request gets a response 421, the application's too as far as it comes by the host's own
    /// connections. Default: [`Hosts::any`]. A server on loopback without a proxy should answer for [`Hosts::loopback`] only, or a
    /// page whose name was made to point there (DNS rebinding) is one of its own.
    #[must_use]
    pub fn hosts(mut self, hosts: Hosts) -> Self {
        self.hosts = hosts;
        self
    }

    /// Proxies whose `X-Forwarded-For`, `-Host` and `-Proto`, or `Forwarded` (RFC 7239) where there is no `X-Forwarded-For`, are
    /// believed: for the address of the client in the handshake and in limits, for the host that its page and
    /// [`RequestOptions::hosts`] are compared with, and for [`Handshake::is_secure`]. Of several values of `X-Forwarded-Host` or
    /// `-Proto` the last counts. A proxy has to remove those of these fields that it neither overwrites nor appends to. Default: none.
    #[must_use]
    pub fn trusted_proxies(mut self, proxies: Vec<TrustedProxy>) -> Self {
        self.trusted_proxies = proxies;
        self
    }

    /// Whether polls may be scripts (JSONP), for browsers without CORS such as Internet Explorer 9. Otherwise they get a response 400
    /// with code 0. Default `false`; the reference always allows it. A script of a page that the browser marks as another site's
    /// (`Sec-Fetch-Site`), or that comes with a `Referer` of another host, is held to [`RequestOptions::origins`]. **That is no
    /// protection on plain `http`** beyond loopback: browsers mark nothing there, and a page can forbid `Referer`, so that any page
    /// can open sessions and read what they get.
    #[must_use]
    pub fn jsonp(mut self, allows: bool) -> Self {
        self.jsonp = allows;
        self
    }

    /// The response to a request for a host that is not answered for, if it is one.
    pub(crate) fn misdirected(&self, head: &impl RequestHead, peer: &Peer) -> Option<Response> {
        if self.hosts == Hosts::any() {
            return None;
        }
        let host = Client::of(head, peer, &self.trusted_proxies).host;
        if self.hosts.allow(host.as_deref()) {
            return None;
        }
        log::warn!(
            "refused a request for host {:?}, which is not among those that are answered for",
            shown(host.as_deref())
        );
        let mut response = Refusal::new(StatusCode::MISDIRECTED_REQUEST, "not a host of this server").response();
        // What the client wants of others may come on this connection.
        response.closes = true;
        Some(response)
    }

    /// Whether this is the address of a trusted proxy.
    pub(crate) fn is_trusted(&self, address: Option<IpAddr>) -> bool {
        is_trusted(&self.trusted_proxies, address)
    }

    /// Whether the endpoint is what a request with this path, as it was sent, is for.
    #[must_use]
    pub fn is_endpoint(&self, path: &str) -> bool {
        path.strip_suffix('/').unwrap_or(path) == &*self.path
    }

    /// What follows the endpoint's path and a slash; nothing if the path is not below the endpoint's, or is the endpoint's.
    #[must_use]
    pub fn path_below<'a>(&self, path: &'a str) -> Option<&'a str> {
        path.strip_prefix(&*self.path)?.strip_prefix('/').filter(|below| !below.is_empty())
    }

    /// Whether there is a function of [`RequestOptions::allow_request`]. Without one, [`RequestOptions::ask`] needs not to be
    /// called.
    #[must_use]
    pub fn asks(&self) -> bool {
        self.allow_request.is_some()
    }

    /// Asks the function of [`RequestOptions::allow_request`] about a handshake. Without one everybody is allowed.
    pub fn ask(&self, handshake: Arc<Handshake>, reply: AllowReply) {
        match &self.allow_request {
            Some(allow) => allow(handshake, reply),
            None => reply.allow(Welcome::default()),
        }
    }

    /// Tells the function of [`RequestOptions::on_refused`] of a refusal. `url` is that of the
    /// [`Request`](super::Request), which is there if the function is.
    pub fn report(&self, error: RequestError, url: Option<&str>) {
        if let (Some(on_refused), Some(url)) = (&self.on_refused, url) {
            on_refused(error, url);
        }
    }

    /// The function of [`RequestOptions::on_request`].
    pub(super) fn listener(&self) -> Option<&OnRequest> {
        self.on_request.as_ref()
    }

    /// Whether somebody wants to know of refusals.
    pub(super) fn reports(&self) -> bool {
        self.on_refused.is_some()
    }
}

impl fmt::Debug for RequestOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestOptions")
            .field("path", &self.path)
            .field("origins", &self.origins)
            .field("cookie", &self.cookie)
            .field("compression", &self.compression)
            .field("allow_timeout", &self.allow_timeout)
            .finish_non_exhaustive()
    }
}

/// The cookie of [`RequestOptions::cookie`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookie {
    name: String,
    attributes: String,
}

impl Cookie {
    /// A cookie of this name with the reference's attributes, `Path=/; HttpOnly; SameSite=Lax`.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.into(), attributes: "Path=/; HttpOnly; SameSite=Lax".into() }
    }

    /// Replaces the attributes; they are written as in `Set-Cookie` (RFC 6265, 4.1.1). Empty: none.
    #[must_use]
    pub fn attributes(mut self, attributes: &str) -> Self {
        self.attributes = attributes.into();
        self
    }

    /// The value of `Set-Cookie` for the session `sid`.
    pub(super) fn set_to(&self, sid: impl fmt::Display) -> String {
        let Self { name, attributes } = self;
        if attributes.is_empty() { format!("{name}={sid}") } else { format!("{name}={sid}; {attributes}") }
    }
}

#[cfg(test)]
mod tests {
    use super::super::allow::Denial;
    use super::*;
    use std::sync::Mutex;
    use std::sync::mpsc::channel;

    #[test]
    fn the_path_is_compared_as_it_was_sent() {
        let options = RequestOptions::default();
        for path in ["/socket.io", "/socket.io/"] {
            assert!(options.is_endpoint(path), "{path}");
            assert_eq!(options.path_below(path), None, "{path}");
        }
        for path in
            ["", "/", "/socket.io//", "/socket%2eio/", "/SOCKET.IO/", "/./socket.io/", "/socket.io/a", "/socket.iox"]
        {
            assert!(!options.is_endpoint(path), "{path}");
        }
        assert_eq!(options.path_below("/socket.io/socket.io.js"), Some("socket.io.js"));
        assert_eq!(options.path_below("/socket.io//a"), Some("/a"));
        assert_eq!(options.path_below("/socket.iox/a"), None);
        assert_eq!(options.path_below("/a"), None);
        for own in ["/a/b", "a/b", "/a/b/"] {
            let options = RequestOptions::default().path(own);
            assert!(
                options.is_endpoint("/a/b") && options.is_endpoint("/a/b/") && !options.is_endpoint("/a/"),
                "{own}"
            );
        }
        for root in ["", "/"] {
            let options = RequestOptions::default().path(root);
            assert!(options.is_endpoint("/") && !options.is_endpoint("/a"));
            assert_eq!(options.path_below("/a"), Some("a"));
        }
    }

    #[test]
    fn the_applications_function_decides() {
        let (sender, decisions) = channel();
        let ask = |options: &RequestOptions, url: &str| {
            let sender = sender.clone();
            let reply = AllowReply::new(Box::new(move |decision| sender.send(decision).expect("the test listens")));
            options.ask(Arc::new(Handshake::new(url, "", 0)), reply);
        };
        let options = RequestOptions::default();
        assert!(!options.asks());
        ask(&options, "/");
        assert_eq!(decisions.try_recv(), Ok(Ok(Welcome::default())));

        let later = Arc::new(Mutex::new(None));
        let options = RequestOptions::default().allow_request({
            let later = later.clone();
            move |handshake, reply| match handshake.url() {
                "/now" => reply.deny(Denial::new("not you")),
                "/later" => *later.lock().expect("nobody panics") = Some(reply),
                _ => {}
            }
        });
        assert!(options.asks());
        ask(&options, "/now");
        assert_eq!(decisions.try_recv(), Ok(Err(Denial::new("not you"))));
        ask(&options, "/forgotten");
        assert_eq!(decisions.try_recv(), Ok(Err(Denial::default())));
        ask(&options, "/later");
        assert!(decisions.try_recv().is_err());
        let reply = later.lock().expect("nobody panics").take().expect("it was kept");
        reply.allow(Welcome::default().header("a", "b"));
        assert_eq!(decisions.try_recv(), Ok(Ok(Welcome::default().header("a", "b"))));
    }

    #[test]
    fn refusals_are_reported_with_their_url() {
        let (sender, reports) = channel();
        let options = RequestOptions::default().on_refused(move |error, url| {
            sender.send((error, url.to_owned())).expect("the test listens");
        });
        options.report(RequestError::Forbidden, Some("/a?b"));
        assert_eq!(reports.try_recv(), Ok((RequestError::Forbidden, "/a?b".into())));
        RequestOptions::default().report(RequestError::Forbidden, None);
    }

    #[test]
    fn cookies_are_written_as_set_cookie_wants_them() {
        assert_eq!(Cookie::new("io").set_to("x"), "io=x; Path=/; HttpOnly; SameSite=Lax");
        assert_eq!(Cookie::new("io").attributes("Secure").set_to("x"), "io=x; Secure");
        assert_eq!(Cookie::new("io").attributes("").set_to("x"), "io=x");
    }
}
