//! Writes what the application says as JSON, behind what has been written already. How that is done is serde_json's business.
//! Knows no events.

use super::check::plain;
use alloc::string::String;
use serde::Serialize;

/// Appends a value as JSON; one that can not be JSON (a map whose keys are no strings) as `null`.
pub(crate) fn push_json(out: &mut String, value: &(impl Serialize + ?Sized)) {
    // Without std, serde_json gives text of its own only.
    match serde_json::to_string(value) {
        Ok(text) => out.push_str(&text),
        Err(_) => out.push_str("null"),
    }
}

/// Appends a string, with quotes and escapes.
pub(crate) fn push_string(out: &mut String, text: &str) {
    if plain(text.as_bytes(), 0) < text.len() {
        return push_json(out, text);
    }
    // Nearly every name.
    out.reserve(text.len() + 2);
    out.push('"');
    out.push_str(text);
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use serde_json::json;

    fn written(before: &str, value: &(impl Serialize + ?Sized)) -> String {
        let mut out = String::from(before);
        push_json(&mut out, value);
        out
    }

    #[test]
    fn values_go_behind_what_is_there() {
        let long = "é".repeat(100);
        for before in ["", "[1,", &long] {
            for value in [json!("a\"\n\u{1}é"), json!({"a": [1, -2.5, null, true], "": {}})] {
                assert_eq!(written(before, &value), alloc::format!("{before}{value}"));
            }
        }
    }

    #[test]
    fn what_can_not_be_json_is_null() {
        let half_way = [BTreeMap::new(), BTreeMap::from([((1, 2), 3)])];
        assert_eq!(written("[", &half_way), "[null");
    }

    #[test]
    fn strings_are_escaped_where_they_must_be() {
        for text in ["", "message", "a\"b", "\\", "\n", "\u{0}", "\u{1f}", "\u{7f}", "é\u{2028}😀", "a/b"] {
            let mut out = String::from("[");
            push_string(&mut out, text);
            assert_eq!(out, alloc::format!("[{}", json!(text)));
        }
    }
}
