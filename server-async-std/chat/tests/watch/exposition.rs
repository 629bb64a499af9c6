//! A strict reader of the OpenMetrics text format, as far as it is used: families with a type and a help text, then their
//! samples, each once, and `# EOF` at the end.

use std::collections::{BTreeMap, BTreeSet};

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct Exposition {
    /// The type of each metric, by the name of its samples.
    pub(crate) types: BTreeMap<String, String>,
    /// Each sample with its labels, as they are written.
    pub(crate) samples: BTreeMap<String, f64>,
}

fn is_name(name: &str) -> bool {
    let mut letters = name.bytes();
    letters.next().is_some_and(|first| first.is_ascii_lowercase())
        && letters.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Reads a text.
///
/// # Panics
///
/// If it is not as it should be.
pub(crate) fn parse(text: &str) -> Exposition {
    let mut exposition = Exposition::default();
    let (mut families, mut family, mut helped) = (BTreeSet::new(), String::new(), String::new());
    let body = text.strip_suffix("# EOF\n").expect("# EOF ends it");
    for line in body.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (kind, name, rest) =
                (words.next().unwrap_or_default(), words.next().unwrap_or_default(), words.next().unwrap_or_default());
            assert!(is_name(name), "{line}");
            match kind {
                "HELP" => {
                    assert!(!rest.is_empty(), "{line}");
                    name.clone_into(&mut helped);
                }
                "TYPE" => {
                    assert_eq!(helped, name, "each has a help text");
                    assert!(families.insert(name.to_owned()), "{name} twice");
                    name.clone_into(&mut family);
                    let sample = match rest {
                        "gauge" => name.to_owned(),
                        "counter" => format!("{name}_total"),
                        _ => panic!("{line}"),
                    };
                    exposition.types.insert(sample, rest.to_owned());
                }
                "UNIT" => assert!(name == family && name.ends_with(rest), "{line}"),
                _ => panic!("{line}"),
            }
            continue;
        }
        let (sample, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
        let (name, labels) = sample.split_once('{').unwrap_or((sample, "}"));
        let kind = exposition.types.get(name).unwrap_or_else(|| panic!("{line} has no type"));
        let of = if kind == "counter" { name.strip_suffix("_total").unwrap_or_default() } else { name };
        assert_eq!(of, family, "{line} is not where its family is");
        let labels = labels.strip_suffix('}').unwrap_or_else(|| panic!("{line}"));
        let mut names = BTreeSet::new();
        for label in labels.split(',').filter(|label| !label.is_empty()) {
            let (name, value) = label.split_once("=\"").unwrap_or_else(|| panic!("{line}"));
            assert!(is_name(name) && names.insert(name), "{line}");
            let value = value.strip_suffix('"').unwrap_or_else(|| panic!("{line}"));
            assert!(!value.is_empty() && !value.contains(['"', '\\']), "{line}");
        }
        let number: f64 = value.parse().unwrap_or_else(|_| panic!("{line}"));
        assert!(number.is_finite() && number >= 0.0, "{line}");
        assert!(exposition.samples.insert(sample.to_owned(), number).is_none(), "{sample} twice");
    }
    exposition
}
