//! JSONP: polling for browsers without CORS (`j` in the query). The response to a poll is a script that calls a
//! function of the page, and a POST is a form. This is only the wrapping of the payload.

use alloc::string::String;

/// More digits than a page counts up to.
const MAX_DIGITS: usize = 20;

/// The digits of the query's `j`, 20 at most. Only they may go into a script.
#[must_use]
pub fn digits(j: &str) -> String {
    j.chars().filter(char::is_ascii_digit).take(MAX_DIGITS).collect()
}

/// The script that hands `payload` to the page. `digits` is what [`digits`] returned.
///
/// U+2028 and U+2029 are escaped: they are allowed in JSON, but not in the scripts of old browsers.
#[must_use]
pub fn wrap(digits: &str, payload: &str) -> String {
    // A string can always be written as JSON.
    let json = serde_json::to_string(payload).unwrap_or_default();
    let mut script = String::with_capacity(json.len() + digits.len() + 12);
    script.push_str("___eio[");
    script.push_str(digits);
    script.push_str("](");
    let mut rest = json.as_str();
    while let Some((before, after)) = rest.split_once(['\u{2028}', '\u{2029}']) {
        let separator = rest.get(before.len()..).unwrap_or_default();
        script.push_str(before);
        script.push_str(if separator.starts_with('\u{2028}') { "\\u2028" } else { "\\u2029" });
        rest = after;
    }
    script.push_str(rest);
    script.push_str(");");
    script
}

/// The payload in the field `d` of a form. `None` if there is no such field, or more than one.
///
/// Browsers send the line ends of a form as CR LF. So that those of the payload stay as they are, the page sends a line
/// feed as `\n`, and adds one more backslash to what looks like that already. CR LFs in the form are not changed.
#[must_use]
pub fn unwrap(form: &[u8]) -> Option<String> {
    let mut fields = form_urlencoded::parse(form).filter(|(name, _)| name == "d");
    let (_, value) = fields.next()?;
    fields.next().is_none().then(|| restore_line_feeds(&value))
}

/// Before an `n`, a single backslash becomes a line feed. Of several backslashes, the last is removed.
fn restore_line_feeds(escaped: &str) -> String {
    let mut payload = String::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some((before, after)) = rest.split_once("\\n") {
        payload.push_str(before);
        payload.push(if before.ends_with('\\') { 'n' } else { '\n' });
        rest = after;
    }
    payload.push_str(rest);
    payload
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_digits_reach_the_script() {
        assert_eq!(digits("0"), "0");
        assert_eq!(digits("1);alert(1);//2"), "112");
        assert_eq!(digits("]=1,x[٣-"), "1");
        assert_eq!(digits(""), "");
        assert_eq!(digits(&"7".repeat(1_000)), "7".repeat(20));
    }

    /// The scripts are those of the reference's server for the same payloads.
    #[test]
    fn scripts_are_the_references() {
        for (digits, payload, script) in [
            ("0", "1:1", r#"___eio[0]("1:1");"#),
            ("", "", r#"___eio[]("");"#),
            ("12", r#"96:0{"sid":"x"}"#, r#"___eio[12]("96:0{\"sid\":\"x\"}");"#),
            ("3", "\u{2028}\u{2028}", r#"___eio[3]("\u2028\u2028");"#),
            (
                "112",
                "\u{2028}a\u{2029}\"\\/\u{8}\u{c}\n\r\t\u{1}\u{7f}</script>é😀",
                "___eio[112](\"\\u2028a\\u2029\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\u{7f}</script>é😀\");",
            ),
        ] {
            assert_eq!(wrap(digits, payload), script);
        }
    }

    /// The forms are those of the reference's client in a browser, the payloads what the reference's server makes of
    /// them.
    #[test]
    fn forms_are_read_as_the_reference_reads_them() {
        for (form, payload) in [
            ("d=4a", "4a"),
            ("d=4a%5Cnb", "4a\nb"),
            ("d=4a%5C%5Cnb", "4a\\nb"),
            ("d=4a%5C%5C%5Cnb", "4a\\\\nb"),
            ("d=4%5C%5C%5C%5Cn%5C%5Cn%5Cn%5Cn%5C%5C%5Cn", "4\\\\\\n\\n\n\n\\\\n"),
            ("d=6%3A42%5B%22a%5C%5Cn%5C%5C%5Cn%22%5D", "6:42[\"a\\n\\\\n\"]"),
            ("d=4%C3%BC%E2%82%AC%F0%9F%98%80%E2%80%A8", "4ü€😀\u{2028}"),
            ("d=4a%2Bb+c%26d%3D%2541", "4a+b c&d=%41"),
            ("d=4%5C", "4\\"),
            ("d=4n%5C", "4n\\"),
            // A carriage return arrives as CR LF, and is not changed.
            ("d=4a%0D%0Ab", "4a\r\nb"),
            ("d=4a%0D%0A%5Cnb", "4a\r\n\nb"),
            // Forms that browsers do not send.
            ("d", ""),
            ("d=", ""),
            ("x=1&d=2&y=3", "2"),
            ("&&d=1", "1"),
            ("%64=5", "5"),
            ("d=a=b", "a=b"),
            ("d=\\n", "\n"),
            ("d=a\nb", "a\nb"),
            ("d=%", "%"),
            ("d=%zz%4", "%zz%4"),
            ("d=%ff", "\u{fffd}"),
            ("d=%E2%82x", "\u{fffd}x"),
        ] {
            assert_eq!(unwrap(form.as_bytes()).as_deref(), Some(payload), "{form}");
        }
        for form in ["", "e=1", "D=1", "d[]=1", "d=1&d=2", "d=1&%64="] {
            assert_eq!(unwrap(form.as_bytes()), None, "{form}");
        }
        assert_eq!(unwrap(b"d=\xff").as_deref(), Some("\u{fffd}"));
    }
}
