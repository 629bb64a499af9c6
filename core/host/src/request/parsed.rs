//! The heads that this crate's own connections have parsed.

use super::head::RequestHead;
use crate::http::Head;
use std::borrow::Cow;

impl RequestHead for Head<'_> {
    fn method(&self) -> &str {
        Head::method(self).as_str()
    }

    fn path(&self) -> &str {
        Head::path(self)
    }

    fn query(&self) -> &str {
        Head::query(self)
    }

    fn fields(&self) -> impl Iterator<Item = (&str, &[u8])> {
        Head::fields(self)
    }

    fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        Head::values(self, name)
    }

    fn host(&self) -> Option<Cow<'_, str>> {
        Some(Head::host(self)).filter(|host| !host.is_empty()).map(Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::super::head::Peer;
    use super::super::options::RequestOptions;
    use super::super::read::{Action, Request};
    use super::*;
    use crate::http::{Connection, Event};
    use sanket::{Config, Time};

    /// What `read` makes of the head of the one request in `bytes`.
    fn read<R>(bytes: &str, read: impl Fn(&Head<'_>) -> R) -> R {
        let now = Time::from_millis(1_000);
        let mut connection = Connection::new(std::sync::Arc::default(), now);
        connection.receive(bytes.as_bytes(), now);
        match connection.poll(now, |head, _| read(head)) {
            Some(Event::Request(read)) => read,
            _ => panic!("no request: {bytes}"),
        }
    }

    #[test]
    fn a_parsed_head_can_be_read() {
        let bytes =
            "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\nOrigin: http://A:80\r\nX-B: c\r\n\r\n";
        let request = read(bytes, |head| {
            assert_eq!(RequestHead::method(head), "GET");
            assert_eq!(head.header("x-b").as_deref(), Some("c"));
            Request::read(head, &Peer::default(), &RequestOptions::default(), &Config::default(), Time::from_millis(5))
        });
        match request.action {
            Ok(Action::Open { handshake, .. }) => {
                assert_eq!(handshake.url(), "/socket.io/?EIO=4&transport=polling");
                assert_eq!(handshake.header("x-b"), Some("c"));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_host_is_the_targets_if_it_names_one() {
        for (bytes, host) in [
            ("GET http://b:81/x HTTP/1.1\r\nHost: a\r\n\r\n", Some("b:81")),
            ("GET /x HTTP/1.1\r\nHost: a\r\n\r\n", Some("a")),
            ("GET /x HTTP/1.1\r\nHost:\r\n\r\n", None),
            ("GET /x HTTP/1.0\r\n\r\n", None),
        ] {
            assert_eq!(read(bytes, |head| RequestHead::host(head).map(Cow::into_owned)).as_deref(), host, "{bytes}");
        }
    }
}
