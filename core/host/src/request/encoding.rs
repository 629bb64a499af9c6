//! Content codings: which of those that the server has a client accepts (RFC 9110, 12.5.3).

use std::fmt;

/// A content coding (RFC 9110, 8.4.1; Brotli: RFC 7932).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Brotli, `br`.
    Brotli,
    /// `gzip`.
    Gzip,
    /// `deflate`, which is zlib's format.
    Deflate,
}

impl Encoding {
    /// The name, as `content-encoding` has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }

    /// The one of `have` that the client likes best, given the value of `accept-encoding`; of those that it likes equally
    /// well, the first. `None` if it accepts none of them, or the field is missing or makes no sense.
    pub(crate) fn best(accepted: &str, have: impl IntoIterator<Item = Self>) -> Option<Self> {
        let weighed = have.into_iter().map(|encoding| (encoding, encoding.weight(accepted)));
        let best =
            weighed.filter(|(_, weight)| *weight > 0).reduce(|best, next| if next.1 > best.1 { next } else { best });
        best.map(|(encoding, _)| encoding)
    }

    /// How much the client likes this one, in thousandths. 0 is a refusal.
    fn weight(self, accepted: &str) -> u16 {
        let mut any = 0;
        for element in accepted.split(',') {
            let (coding, weight) = match element.split_once(';') {
                None => (element, 1_000),
                Some((coding, parameter)) => (coding, weight(parameter)),
            };
            let coding = coding.trim();
            if self.is_named(coding) {
                return weight;
            }
            if coding == "*" {
                any = weight;
            }
        }
        any
    }

    fn is_named(self, coding: &str) -> bool {
        // RFC 9110, 8.4.1.3.
        let old = self == Self::Gzip && coding.eq_ignore_ascii_case("x-gzip");
        old || coding.eq_ignore_ascii_case(self.as_str())
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The thousandths of a weight, `q=0.25` (RFC 9110, 12.4.2). What is none counts as a refusal.
fn weight(parameter: &str) -> u16 {
    let Some(('q' | 'Q', value)) = parameter.trim().split_once('=').and_then(|(name, value)| {
        let mut name = name.chars();
        Some((name.next().filter(|_| name.as_str().is_empty())?, value))
    }) else {
        return 0;
    };
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return 0;
    }
    let thousandths = fraction.bytes().chain(std::iter::repeat(b'0')).take(3);
    let thousandths = thousandths.fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    match whole {
        "0" => thousandths,
        "1" if thousandths == 0 => 1_000,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::Encoding::{Brotli, Deflate, Gzip};
    use super::*;

    #[test]
    fn the_client_gets_what_it_likes_best() {
        for (accepted, best) in [
            ("gzip, deflate, br, zstd", Some(Brotli)),
            ("gzip, deflate", Some(Gzip)),
            ("deflate", Some(Deflate)),
            ("GZIP", Some(Gzip)),
            ("x-gzip", Some(Gzip)),
            ("br;q=0.1, gzip;q=0.2, deflate;q=0.3", Some(Deflate)),
            ("br;q=0.001,gzip;q=0.002", Some(Gzip)),
            ("br ; Q=0.5 , gzip ; q=0.50", Some(Brotli)),
            ("br;q=0, gzip", Some(Gzip)),
            ("br;q=1.000, gzip", Some(Brotli)),
            ("*", Some(Brotli)),
            ("br;q=0, *", Some(Gzip)),
            ("*, br;q=0", Some(Gzip)),
            ("*;q=0, deflate", Some(Deflate)),
            ("*;q=0.5, gzip;q=0.6", Some(Gzip)),
            ("identity", None),
            ("gzip;q=0", None),
            ("gzip;q=0.000", None),
            ("*;q=0", None),
            ("zstd", None),
            ("", None),
            (",,;;,", None),
            // What is no weight is a refusal.
            ("gzip;q=2", None),
            ("gzip;q=1.001", None),
            ("gzip;q=0.0001", None),
            ("gzip;q=0,5", None),
            ("gzip;q=-1", None),
            ("gzip;q=", None),
            ("gzip;quality=1", None),
            ("gzip;=1", None),
        ] {
            assert_eq!(Encoding::best(accepted, [Brotli, Gzip, Deflate]), best, "{accepted}");
        }
        assert_eq!(Encoding::best("br", [Gzip, Deflate]), None);
        assert_eq!(Encoding::best("*", []), None);
    }
}
