//! Which namespaces the handlers of a router are for.

use crate::socket::Nsp;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

/// Which namespaces some handlers are for.
pub(crate) enum Pattern {
    /// One.
    Name(Nsp),
    /// Those of a form.
    Form(Form),
    /// Those that a function accepts.
    Predicate(Box<dyn Fn(&str) -> bool + Send>),
}

impl Pattern {
    pub(crate) fn matches(&self, nsp: &Nsp) -> bool {
        match self {
            Self::Name(name) => name == nsp,
            Self::Form(form) => form.values(nsp.as_str()).is_some(),
            Self::Predicate(accepts) => accepts(nsp.as_str()),
        }
    }

    /// The value of a parameter in a name that matches.
    pub(crate) fn param<'n>(&self, nsp: &'n Nsp, name: &str) -> Option<&'n str> {
        let Self::Form(form) = self else { return None };
        let index = form.parameters().position(|parameter| parameter == name)?;
        form.values(nsp.as_str())?.get(index).copied()
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => fmt::Debug::fmt(name, f),
            Self::Form(form) => fmt::Debug::fmt(form, f),
            Self::Predicate(_) => f.write_str("a predicate"),
        }
    }
}

/// The form of names: text, and parameters in braces. `/org/{org}/room-{room}`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Form(Vec<Piece>);

#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Text(Box<str>),
    /// One or more characters that are not `/`.
    Parameter(Box<str>),
}

impl Form {
    /// A form from its text. `None` if there are no parameters in it. A brace that is not closed is text.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some((before, after)) = rest.split_once('{')
            && let Some((name, after)) = after.split_once('}')
        {
            if !before.is_empty() {
                pieces.push(Piece::Text(before.into()));
            }
            pieces.push(Piece::Parameter(name.into()));
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.into()));
        }
        pieces.iter().any(|piece| matches!(piece, Piece::Parameter(_))).then_some(Self(pieces))
    }

    fn parameters(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Parameter(name) => Some(&**name),
            Piece::Text(_) => None,
        })
    }

    /// The values of the parameters, if a name is of this form. A value ends where the text that follows it occurs first, so that
    /// this takes time in proportion to the name's length.
    fn values<'n>(&self, name: &'n str) -> Option<Vec<&'n str>> {
        let (mut values, mut rest) = (Vec::new(), name);
        let mut pieces = self.0.iter().peekable();
        while let Some(piece) = pieces.next() {
            match piece {
                Piece::Text(text) => rest = rest.strip_prefix(&**text)?,
                Piece::Parameter(_) => {
                    let end = match pieces.peek() {
                        // At least one character.
                        Some(Piece::Text(text)) => {
                            let first = rest.chars().next()?.len_utf8();
                            first + rest[first..].find(&**text)?
                        }
                        Some(Piece::Parameter(_)) => rest.chars().next()?.len_utf8(),
                        None => rest.len(),
                    };
                    let (value, after) = rest.split_at(end);
                    if value.is_empty() || value.contains('/') {
                        return None;
                    }
                    values.push(value);
                    rest = after;
                }
            }
        }
        rest.is_empty().then_some(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values<'n>(form: &str, name: &'n str) -> Option<Vec<&'n str>> {
        Form::parse(form).unwrap().values(name)
    }

    #[test]
    fn names_of_a_form() {
        assert_eq!(Form::parse("/chat"), None);
        assert_eq!(Form::parse("/chat{"), None);
        assert_eq!(values("/{room}", "/a"), Some(alloc::vec!["a"]));
        assert_eq!(values("/org/{org}/room-{room}", "/org/x/room-7"), Some(alloc::vec!["x", "7"]));
        assert_eq!(values("/{a}-{b}", "/é-è-ê"), Some(alloc::vec!["é", "è-ê"]));
        assert_eq!(values("/{a}{b}", "/xyz"), Some(alloc::vec!["x", "yz"]));
        for other in
            ["/", "", "/org", "/org/x/room-", "/org//room-7", "/org/x/y/room-7", "/org/x/room-7/", "/Org/x/room-7"]
        {
            assert_eq!(values("/org/{org}/room-{room}", other), None, "{other}");
        }
        let pattern = Pattern::Form(Form::parse("/org/{org}/room-{room}").unwrap());
        let nsp = Nsp::new("/org/x/room-7");
        assert!(pattern.matches(&nsp) && !pattern.matches(&Nsp::ROOT));
        assert_eq!((pattern.param(&nsp, "room"), pattern.param(&nsp, "other")), (Some("7"), None));
    }
}
