//! Decimal numbers in text: acks' ids and lengths. The standard library's formatting takes several times as long to begin.

use alloc::string::String;
use alloc::vec::Vec;

/// As many digits as the largest number has.
const MOST: usize = 20;

/// Appends a number, to text or to bytes.
pub(crate) fn push_number(text: &mut impl Push, mut number: u64) {
    let mut digits = [0; MOST];
    let mut first = MOST;
    loop {
        first -= 1;
        // Less than ten.
        digits[first] = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
        if number == 0 {
            break;
        }
    }
    text.push_ascii(&digits[first..]);
}

/// What digits can be appended to.
pub(crate) trait Push {
    fn push_ascii(&mut self, text: &[u8]);
}

impl Push for Vec<u8> {
    fn push_ascii(&mut self, text: &[u8]) {
        self.extend_from_slice(text);
    }
}

impl Push for String {
    fn push_ascii(&mut self, text: &[u8]) {
        self.push_str(core::str::from_utf8(text).unwrap_or_default());
    }
}

/// How many digits a number has.
pub(crate) fn count(number: u64) -> usize {
    number.checked_ilog10().map_or(1, |log| log as usize + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;

    #[test]
    fn numbers_are_written_as_by_everybody() {
        let powers = (0..20).map(|n| 10_u64.pow(n)).flat_map(|power| [power - 1, power, power + 1, power / 8 * 7]);
        for number in powers.chain([u64::MAX, u64::MAX - 1, 1_234_567_890]) {
            let (mut text, mut bytes) = (String::new(), Vec::new());
            push_number(&mut text, number);
            push_number(&mut bytes, number);
            assert_eq!((text.clone(), text.as_bytes()), (number.to_string(), &*bytes));
            assert_eq!(text.len(), count(number));
        }
    }
}
