//! Requests in a client's bytes, read the simple way: heads end with an empty line, bodies by length or in chunks (RFC 9112). What
//! is malformed is not told apart: whoever compares asks only about requests that a server has accepted.

/// A request whose head is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) target: String,
    /// The connection is not to be kept: HTTP/1.0 without `keep-alive`, or `close`.
    pub(crate) closes: bool,
    pub(crate) upgrades: bool,
    /// Nobody may call the head malformed.
    pub(crate) has_plain_head: bool,
    /// Nobody may call the body malformed.
    pub(crate) has_plain_body: bool,
    /// Where its head ends.
    pub(crate) body_start: usize,
    /// The content of its body and where that ends; `None`: it is not complete, or malformed.
    pub(crate) body: Option<(Vec<u8>, usize)>,
}

/// All requests in `bytes`, up to the first that is not complete. What follows an upgrade is read as requests, too.
pub(crate) fn read_all(bytes: &[u8]) -> Vec<Asked> {
    let (mut all, mut at) = (Vec::new(), 0);
    while let Some(asked) = read(bytes, at) {
        let end = asked.body.as_ref().map(|(_, end)| *end);
        all.push(asked);
        match end {
            Some(end) => at = end,
            None => break,
        }
    }
    all
}

fn read(bytes: &[u8], start: usize) -> Option<Asked> {
    let mut at = start;
    while matches!(bytes.get(at), Some(b'\r' | b'\n')) {
        at += 1;
    }
    let length = bytes.get(at..)?.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[at..at + length]).into_owned();
    let body_start = at + length + 4;
    let mut lines = head.split("\r\n");
    let first = lines.next()?;
    let mut words = first.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next().unwrap_or_default().to_owned());
    let http10 = words.next() == Some("HTTP/1.0");
    let fields: Vec<(String, &str)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim_matches([' ', '\t'])))
        .collect();
    let has = |name: &str, token: &str| {
        let mut values = fields.iter().filter(|(field, _)| field == name).flat_map(|(_, value)| value.split(','));
        values.any(|value| value.trim_matches([' ', '\t']).eq_ignore_ascii_case(token))
    };
    let value = |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, value)| *value);
    let mut has_plain_body = true;
    let body = if value("transfer-encoding").is_some() {
        chunks(bytes, body_start, &mut has_plain_body)
    } else {
        let length: usize = value("content-length").map_or(Some(0), |value| value.parse().ok()).unwrap_or(usize::MAX);
        let end = body_start.saturating_add(length);
        bytes.get(body_start..end).map(|body| (body.to_vec(), end))
    };
    Some(Asked {
        method,
        target,
        closes: has("connection", "close") || http10 && !has("connection", "keep-alive"),
        has_plain_head: at == start && is_plain(first, &head, &fields),
        has_plain_body,
        upgrades: !http10 && has("connection", "upgrade") && value("upgrade").is_some(),
        body_start,
        body,
    })
}

/// Whether a head is so simple that there is one way to read it. Not all that are valid are.
fn is_plain(first: &str, head: &str, fields: &[(String, &str)]) -> bool {
    let count = |name: &str| fields.iter().filter(|(field, _)| field == name).count();
    let is_framed = match (count("content-length"), count("transfer-encoding")) {
        (0, 0) => true,
        (1, 0) => fields.iter().any(|(name, value)| {
            name == "content-length" && (1..=6).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_digit())
        }),
        (0, 1) => fields.iter().any(|(name, value)| name == "transfer-encoding" && *value == "chunked"),
        _ => false,
    };
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    let is_host = |(name, value): &(String, &str)| {
        name == "host" && !value.is_empty() && value.bytes().all(|b| b.is_ascii_lowercase())
    };
    let is_target = |target: &str| {
        target.starts_with('/') && target.bytes().all(|b| b.is_ascii_alphanumeric() || b"/?=&._-".contains(&b))
    };
    let words: Vec<&str> = first.split(' ').collect();
    matches!(&*words, [method, target, "HTTP/1.1"] if ["GET", "POST", "HEAD"].contains(method) && is_target(target))
        && head.split("\r\n").skip(1).count() == fields.len()
        && head.split("\r\n").all(|line| line.bytes().all(|b| b == b' ' || b.is_ascii_graphic()))
        && fields.iter().all(|(name, _)| is_name(name))
        && count("host") == 1
        && fields.iter().any(is_host)
        && count("expect") == 0
        && is_framed
}

/// A body in chunks, and where it ends. `is_plain` stays true if there is one way to read it.
fn chunks(bytes: &[u8], mut at: usize, is_plain: &mut bool) -> Option<(Vec<u8>, usize)> {
    let mut body = Vec::new();
    loop {
        let line = line(bytes, at)?;
        at += line.len() + 2;
        let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        *is_plain &= digits == line.len() && (1..=6).contains(&digits);
        let size = usize::from_str_radix(std::str::from_utf8(&line[..digits]).ok()?, 16).ok()?;
        if size == 0 {
            break;
        }
        body.extend(bytes.get(at..at.checked_add(size)?)?);
        at += size;
        (bytes.get(at..at + 2)? == b"\r\n").then_some(())?;
        at += 2;
    }
    loop {
        let trailer = line(bytes, at)?;
        at += trailer.len() + 2;
        *is_plain &= trailer.is_empty();
        if trailer.is_empty() {
            return Some((body, at));
        }
    }
}

fn line(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let rest = bytes.get(at..)?;
    Some(&rest[..rest.windows(2).position(|window| window == b"\r\n")?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_follow_each_other() {
        let bytes =
            b"POST /a HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi\r\nPUT /b HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n\
            2;x\r\nab\r\n1\r\nc\r\n0\r\nT: 1\r\n\r\nGET /c HTTP/1.1\r\nConnection: x, Close\r\n\r\nGET";
        let all = read_all(bytes);
        let seen: Vec<_> = all
            .iter()
            .map(|asked| (&*asked.target, asked.closes, asked.body.as_ref().map(|(body, _)| &**body)))
            .collect();
        assert_eq!(seen, [("/a", false, Some(&b"hi"[..])), ("/b", true, Some(b"abc")), ("/c", true, Some(b""))]);
        let partial = read_all(b"POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhi");
        assert_eq!((partial.len(), &partial[0].body), (1, &None));
    }
}
