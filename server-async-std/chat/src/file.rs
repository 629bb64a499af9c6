//! The configuration file: TOML without sections, a key for each setting. Knows nothing of flags: a value is the text that a flag
//! would be given.

use std::path::Path;
use toml::de::{DeInteger, DeTable, DeValue};

/// One line of the file.
#[derive(Debug)]
pub(crate) struct Setting {
    /// As it is in the file.
    pub(crate) key: String,
    /// One, or those of an array.
    pub(crate) values: Vec<String>,
    /// Where the key is, counted from 1.
    pub(crate) line: usize,
}

/// The settings of a file in the order of its lines. An error names the file, and the line if there is one.
pub(crate) fn read(path: &Path) -> Result<Vec<Setting>, String> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| format!("cannot read {shown}: {error}"))?;
    parse(&text).map_err(|(line, complaint)| format!("{shown}:{line}: {complaint}"))
}

fn parse(text: &str) -> Result<Vec<Setting>, (usize, String)> {
    let line = |at: usize| 1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count();
    let table = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        (line(at), error.message().to_owned())
    })?;
    let mut settings = Vec::new();
    for (key, value) in table.get_ref() {
        let line = line(key.span().start);
        let complain = |complaint| (line, format!("'{}' {complaint}", key.get_ref()));
        let values = match value.get_ref() {
            DeValue::Array(array) => array.iter().map(|value| scalar(value.get_ref())).collect(),
            value => scalar(value).map(|value| vec![value]),
        };
        let values = values.map_err(complain)?;
        settings.push(Setting { key: key.get_ref().clone().into_owned(), values, line });
    }
    settings.sort_by_key(|setting| setting.line);
    Ok(settings)
}

fn scalar(value: &DeValue<'_>) -> Result<String, &'static str> {
    match value {
        DeValue::String(text) => Ok(text.clone().into_owned()),
        DeValue::Integer(number) => Ok(integer(number)),
        DeValue::Float(number) => Ok(number.as_str().to_owned()),
        DeValue::Boolean(value) => Ok(value.to_string()),
        DeValue::Datetime(time) => Ok(time.to_string()),
        DeValue::Array(_) => Err("is an array in an array"),
        DeValue::Table(_) => Err("is a section; the file has none"),
    }
}

/// In decimal, or, if it is larger than any setting, as it is in the file.
fn integer(number: &DeInteger<'_>) -> String {
    i128::from_str_radix(number.as_str(), number.radix())
        .map_or_else(|_| number.to_string(), |number| number.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_have_their_lines_and_are_texts() {
        let text = "# a comment\nb = 1_000\n\na = ['x', \"y\"]\nc = true\nd = 0x10\ne = 1.5\n";
        let settings: Vec<_> = parse(text)
            .unwrap()
            .into_iter()
            .map(|setting| (setting.line, setting.key, setting.values.join(" ")))
            .collect();
        let expected = [(2, "b", "1000"), (4, "a", "x y"), (5, "c", "true"), (6, "d", "16"), (7, "e", "1.5")];
        assert_eq!(settings, expected.map(|(line, key, value)| (line, key.to_owned(), value.to_owned())));
    }

    #[test]
    fn what_is_no_setting_is_refused_with_its_line() {
        for (text, line, complaint) in [
            ("a = 1\nb = \n", 2, ""),
            ("a = 1\na = 2\n", 2, "duplicate"),
            ("\n[chat]\nmax-text = 1\n", 2, "'chat' is a section"),
            ("x.y = 1\n", 1, "'x' is a section"),
            ("a = [[1]]\n", 1, "array in an array"),
        ] {
            let (at, said) = parse(text).unwrap_err();
            assert!(at == line && said.contains(complaint), "{text:?}: {at}: {said}");
        }
    }
}
