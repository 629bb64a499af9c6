//! JSONP: polls as scripts, for browsers without CORS. Any page can have a script of any host, and no browser says `Origin` with it,
//! so what else it says has to do.

use super::head::{RequestHead, is_upgrade};
use sanket::driver::jsonp;
use std::borrow::Cow;

/// Whether a request is one of JSONP. One that upgrades is not, whatever its query says.
pub(super) fn is_script(head: &impl RequestHead) -> bool {
    script(head.query()).is_some() && !is_upgrade(head)
}

/// The origin of the page that a request of JSONP is from. `Origin` comes with POSTs. A script is of the origin that `Referer` says; if
/// that says none, but `Sec-Fetch-Site` says that the page is another's, it is of an unknown one: `null`. Browsers send
/// `Sec-Fetch-Site` to servers on `https` and on loopback only, and a page can forbid `Referer`.
pub(super) fn origin_of_script(head: &impl RequestHead) -> Option<Cow<'_, str>> {
    const UNKNOWN: Cow<'_, str> = Cow::Borrowed("null");
    if let Some(origin) = head.header("origin") {
        return Some(origin);
    }
    let is_foreign = head.header("sec-fetch-site").is_some_and(|site| matches!(&*site, "cross-site" | "same-site"));
    match head.header("referer").filter(|referer| !referer.is_empty()) {
        Some(referer) => Some(origin_of(&referer).map_or(UNKNOWN, |origin| origin.to_owned().into())),
        None => is_foreign.then_some(UNKNOWN),
    }
}

/// The origin of a URL, as it is written there.
fn origin_of(url: &str) -> Option<&str> {
    let authority = url.find("://")? + 3;
    let end = url[authority..].find(['/', '?', '#']).map_or(url.len(), |end| authority + end);
    url.get(..end)
}

/// The digits of the first `j` of a query.
pub(super) fn script(query: &str) -> Option<Box<str>> {
    // Nearly no request has one, and this finds that out sooner.
    let bytes = query.as_bytes();
    let starts_a_name = |at: usize| at.checked_sub(1).is_none_or(|before| bytes.get(before) == Some(&b'&'));
    let may_be_j = |at: usize| bytes.get(at) == Some(&b'%') || starts_a_name(at);
    if !memchr::memchr2_iter(b'j', b'%', bytes).any(may_be_j) {
        return None;
    }
    let (_, j) = form_urlencoded::parse(bytes).find(|(name, _)| name == "j")?;
    Some(jsonp::digits(&j).into())
}

#[cfg(test)]
mod tests {
    use super::super::test_head::Head;
    use super::*;

    #[test]
    fn a_script_is_of_the_page_that_the_browser_says() {
        for (fields, expected) in [
            (&[][..], None),
            (&[("origin", "https://a")][..], Some("https://a")),
            (&[("origin", "https://a"), ("referer", "https://b/")], Some("https://a")),
            (&[("referer", "https://a:8443/b?c#d")], Some("https://a:8443")),
            (&[("referer", "https://a")], Some("https://a")),
            (&[("referer", "https://a?b://c")], Some("https://a")),
            (&[("referer", "nonsense")], Some("null")),
            (&[("referer", "")], None),
            (&[("sec-fetch-site", "same-origin")], None),
            (&[("sec-fetch-site", "none")], None),
            (&[("sec-fetch-site", "cross-site")], Some("null")),
            (&[("sec-fetch-site", "same-site")], Some("null")),
            (&[("sec-fetch-site", "cross-site"), ("referer", "https://a/")], Some("https://a")),
            (&[("sec-fetch-site", "cross-site"), ("referer", "")], Some("null")),
        ] {
            let head = fields.iter().fold(Head::get("/?j=0"), |head, (name, value)| head.field(name, value));
            assert_eq!(origin_of_script(&head).as_deref(), expected, "{fields:?}");
        }
        assert!(is_script(&Head::get("/?j=0")) && !is_script(&Head::get("/?a=j")));
        assert!(!is_script(&Head::get("/?j=0").field("upgrade", "websocket")));
        assert!(is_script(&Head::get("/?j=0").field("upgrade", "h2c")));
    }
}
