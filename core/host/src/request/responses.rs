//! Responses that do not come from the protocol: `101`, preflights, and what the response to a handshake has besides its body.

use super::allow::Welcome;
use super::options::RequestOptions;
use super::websocket::WebSocketAccept;
use crate::http::Response;
use ::http::StatusCode;
use sanket::driver::Sid;

/// The `101` to a WebSocket handshake. The `connection` header is added by whoever sends it.
#[must_use]
pub fn switching_protocols(accept: WebSocketAccept) -> Response {
    let mut response = Response::new(StatusCode::SWITCHING_PROTOCOLS);
    response.add("upgrade", "websocket");
    response.add("sec-websocket-accept", accept.key);
    if let Some(protocol) = accept.protocol {
        response.add("sec-websocket-protocol", protocol);
    }
    response
}

/// The response to a CORS preflight request that asks for `allow_headers`. It holds for ten minutes.
#[must_use]
pub fn preflight(allow_headers: Option<String>) -> Response {
    let mut response = Response::new(StatusCode::NO_CONTENT);
    response.add("access-control-allow-methods", "GET,POST");
    if let Some(headers) = allow_headers {
        response.add("access-control-allow-headers", headers);
    }
    response.add("access-control-max-age", "600");
    response
}

/// Adds to the response to a handshake the cookie with the session's id, if there is one, and the application's headers.
pub fn greet(response: &mut Response, options: &RequestOptions, sid: Sid, welcome: Welcome) {
    if let Some(cookie) = &options.cookie {
        response.add("set-cookie", cookie.set_to(sid));
    }
    for (name, value) in welcome.headers {
        response.add(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::super::options::Cookie;
    use super::*;

    fn headers(response: &Response) -> Vec<(&str, &str)> {
        response.headers().collect()
    }

    #[test]
    fn switching_says_what_was_accepted() {
        let accept = WebSocketAccept { key: "k".into(), protocol: None };
        let response = switching_protocols(accept.clone());
        assert_eq!(response.status, 101);
        assert_eq!(headers(&response), [("upgrade", "websocket"), ("sec-websocket-accept", "k")]);
        let response = switching_protocols(WebSocketAccept { protocol: Some("p".into()), ..accept });
        assert_eq!(headers(&response).last(), Some(&("sec-websocket-protocol", "p")));
    }

    #[test]
    fn a_preflight_is_told_what_it_may_send() {
        let response = preflight(Some("x-a, x-b".into()));
        assert_eq!(response.status, 204);
        let methods = ("access-control-allow-methods", "GET,POST");
        let age = ("access-control-max-age", "600");
        assert_eq!(headers(&response), [methods, ("access-control-allow-headers", "x-a, x-b"), age]);
        assert_eq!(headers(&preflight(None)), [methods, age]);
    }

    #[test]
    fn a_handshake_has_the_cookie_and_the_applications_headers() {
        let sid = Sid::from_bytes([0; 16]);
        let mut response = Response::new(StatusCode::OK);
        greet(&mut response, &RequestOptions::default(), sid, Welcome::default());
        assert_eq!(headers(&response), []);
        let options = RequestOptions::default().cookie(Cookie::new("io").attributes("Secure"));
        let welcome = Welcome::default().header("Set-Cookie", "a=b").header("x", "evil\r\ny: z").header("x-a", "1");
        greet(&mut response, &options, sid, welcome);
        let own = ("set-cookie", &*format!("io={sid}; Secure"));
        assert_eq!(headers(&response), [own, ("set-cookie", "a=b"), ("x-a", "1")]);
    }
}
