//! Decimal numbers in text: acks' ids and lengths. The standard library's formatting takes several times as long to begin.

use alloc::vec::Vec;

/// As many digits as the largest number has.
const MOST: usize = 20;

/// A number as text.
#[derive(Clone, Copy)]
pub(crate) struct Digits {
    digits: [u8; MOST],
    first: usize,
}

impl Digits {
    pub(crate) fn of(mut number: u64) -> Self {
        let (mut digits, mut first) = ([0; MOST], MOST);
        loop {
            first -= 1;
            // Less than ten.
            digits[first] = b'0' + u8::try_from(number % 10).unwrap_or_default();
            number /= 10;
            if number == 0 {
                return Self { digits, first };
            }
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.digits[self.first..]
    }
}

/// Appends a number.
pub(crate) fn push_number(text: &mut Vec<u8>, number: u64) {
    text.extend_from_slice(Digits::of(number).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_by_everybody() {
        let powers = (0..20).map(|n| 10_u64.pow(n)).flat_map(|power| [power - 1, power, power + 1, power / 8 * 7]);
        for number in powers.chain([u64::MAX, u64::MAX - 1, 1_234_567_890]) {
            let mut text = b"n".to_vec();
            push_number(&mut text, number);
            assert_eq!(text, alloc::format!("n{number}").as_bytes());
        }
    }
}
