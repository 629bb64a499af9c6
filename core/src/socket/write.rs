//! Writes the application's values as JSON, with serde_json.

use alloc::string::String;
use serde::Serialize;

/// A value as JSON. A value that cannot be JSON (a map with keys that are not strings) becomes `null`.
pub(crate) fn to_json(value: &(impl Serialize + ?Sized)) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;

    #[test]
    fn what_can_not_be_json_is_null() {
        let half_way = [BTreeMap::new(), BTreeMap::from([((1, 2), 3)])];
        assert_eq!(to_json(&half_way), "null");
        assert_eq!(to_json("a\"\n\u{1}é"), r#""a\"\n\u0001é""#);
    }
}
