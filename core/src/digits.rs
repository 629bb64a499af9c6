//! Decimal numbers in text: acks' ids and lengths. The standard library's formatting takes several times as long to begin.

use alloc::vec::Vec;

/// As many digits as the largest number has.
const MOST: usize = 20;

/// Appends a number.
pub(crate) fn push_number(text: &mut Vec<u8>, mut number: u64) {
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
    text.extend_from_slice(&digits[first..]);
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
            let mut text = Vec::new();
            push_number(&mut text, number);
            assert_eq!(text, number.to_string().as_bytes());
            assert_eq!(text.len(), count(number));
        }
    }
}
