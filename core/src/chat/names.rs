//! Names and colors for people. They are drawn from a seed, and are no secrets.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;

const FIRST: [&str; 40] = [
    "Amber", "Azure", "Bold", "Brave", "Bright", "Calm", "Clever", "Coral", "Cosmic", "Crisp", "Dapper", "Eager",
    "Early", "Fabled", "Fleet", "Gentle", "Golden", "Happy", "Hazel", "Humble", "Indigo", "Ivory", "Jade", "Jolly",
    "Keen", "Lively", "Lucky", "Mellow", "Merry", "Misty", "Noble", "Olive", "Quiet", "Rapid", "Silver", "Sunny",
    "Swift", "Velvet", "Warm", "Witty",
];

const SECOND: [&str; 40] = [
    "Badger", "Bear", "Beaver", "Crane", "Deer", "Dolphin", "Eagle", "Falcon", "Finch", "Fox", "Gecko", "Hare",
    "Hedgehog", "Heron", "Ibis", "Jay", "Koala", "Lark", "Lemur", "Lynx", "Magpie", "Marten", "Newt", "Ocelot", "Orca",
    "Otter", "Owl", "Panda", "Penguin", "Puffin", "Quail", "Raven", "Robin", "Salmon", "Seal", "Sparrow", "Swan",
    "Tiger", "Turtle", "Wren",
];

/// Colors with a relative luminance of 0.18, so that they can be read on white and on black (WCAG contrast above 4.5 on
/// both).
const COLORS: [&str; 24] = [
    "#e12a2a", "#c2532e", "#ad6319", "#8d7221", "#797911", "#667e1e", "#4b8313", "#39851f", "#138813", "#208739",
    "#13864d", "#1f846b", "#138282", "#257e9c", "#1e76cf", "#4d6fd5", "#6464e9", "#7e60da", "#994de6", "#af43d3",
    "#cb1dcb", "#cd30a6", "#dc1f7e", "#d13d62",
];

/// Attempts to draw a free name, before a number is added to one.
const TRIES: usize = 8;

#[derive(Debug)]
pub(crate) struct Names {
    rng: fastrand::Rng,
    taken: BTreeSet<String>,
    next_number: u64,
}

impl Names {
    pub(crate) fn new(seed: u64) -> Self {
        Self { rng: fastrand::Rng::with_seed(seed), taken: BTreeSet::new(), next_number: 2 }
    }

    /// Draws a free name, and a color.
    pub(crate) fn take(&mut self) -> (String, &'static str) {
        let color = self.pick(&COLORS);
        for _ in 0..TRIES {
            let name = format!("{} {}", self.pick(&FIRST), self.pick(&SECOND));
            if self.taken.insert(name.clone()) {
                return (name, color);
            }
        }
        // The number only rises, so this name has never been used.
        let name = format!("{} {} {}", self.pick(&FIRST), self.pick(&SECOND), self.next_number);
        self.next_number += 1;
        self.taken.insert(name.clone());
        (name, color)
    }

    /// Takes a name again for a recovered person. Returns its color, unless the name is in use.
    pub(crate) fn take_again(&mut self, name: &str, color: &str) -> Option<&'static str> {
        let color = COLORS.into_iter().find(|known| *known == color)?;
        self.taken.insert(name.into()).then_some(color)
    }

    pub(crate) fn give_back(&mut self, name: &str) {
        self.taken.remove(name);
    }

    fn pick(&mut self, from: &[&'static str]) -> &'static str {
        from[self.rng.usize(..from.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_unique_when_the_pairs_run_out() {
        let mut names = Names::new(1);
        let mut all = BTreeSet::new();
        for _ in 0..3 * FIRST.len() * SECOND.len() {
            let (name, _) = names.take();
            assert!(name.split(' ').count() >= 2, "{name}");
            assert!(all.insert(name));
        }
    }

    #[test]
    fn a_name_given_back_can_be_had_again() {
        let mut names = Names::new(1);
        let (name, _) = names.take();
        names.give_back(&name);
        assert_eq!(Names::new(1).take().0, name);
        assert!(names.taken.is_empty());
    }

    #[test]
    fn colours_can_be_read_on_white_and_on_black() {
        extern crate std;
        for color in COLORS {
            let value = u32::from_str_radix(&color[1..], 16).expect("hexadecimal");
            let channels = [value >> 16, value >> 8 & 0xff, value & 0xff].map(|c| {
                let c = f64::from(c) / 255.0;
                if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
            });
            let luminance = 0.2126 * channels[0] + 0.7152 * channels[1] + 0.0722 * channels[2];
            assert!(1.05 / (luminance + 0.05) > 4.5, "{color} on white");
            assert!((luminance + 0.05) / 0.05 > 4.5, "{color} on black");
        }
    }
}
