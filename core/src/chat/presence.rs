//! Notices of who joined and who left, once a tick. Without ticks, a thousand people who join at once would get a
//! million notices.

use crate::time::Time;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use serde::Serialize;

/// Up to this many changes in a tick are told one by one, in the tutorial's words.
const FEW: usize = 3;
/// The names listed in one notice.
const LISTED: usize = 10;

/// A `sys message`.
#[derive(Debug, Serialize)]
pub(crate) struct Notice {
    /// The tutorial's sentence.
    data: String,
    /// The number of people in the room.
    counts: usize,
    joined: Vec<String>,
    left: Vec<String>,
    #[serde(rename = "joinedCount")]
    joined_count: usize,
    #[serde(rename = "leftCount")]
    left_count: usize,
    time: u64,
}

#[derive(Debug)]
struct Change {
    name: String,
    came: bool,
}

#[derive(Debug)]
pub(crate) struct Presence {
    tick: u64,
    /// Changes that have not been told, in order. `None` for somebody who joined and left again.
    changes: Vec<Option<Change>>,
    /// Indexes in `changes` of those who joined.
    came: BTreeMap<String, usize>,
    /// When the next notice may be sent.
    quiet_until: Time,
}

impl Presence {
    pub(crate) fn new(tick: u64) -> Self {
        Self { tick, changes: Vec::new(), came: BTreeMap::new(), quiet_until: Time::default() }
    }

    pub(crate) fn joined(&mut self, name: String) {
        self.came.insert(name.clone(), self.changes.len());
        self.changes.push(Some(Change { name, came: true }));
    }

    /// Somebody who joined and left within one tick is not mentioned.
    pub(crate) fn left(&mut self, name: String) {
        match self.came.remove(&name) {
            Some(index) => self.changes[index] = None,
            None => self.changes.push(Some(Change { name, came: false })),
        }
    }

    /// When there are notices to send.
    pub(crate) fn due(&self) -> Option<Time> {
        (!self.changes.is_empty()).then_some(self.quiet_until)
    }

    /// Somebody is about to send a message. That they joined is told before, even within a tick.
    pub(crate) fn speaks(&mut self, name: &str) {
        if self.came.contains_key(name) {
            self.quiet_until = Time::default();
        }
    }

    /// The notices that are due now. `count` people are in the room.
    pub(crate) fn notices(&mut self, count: usize, now: Time) -> Vec<Notice> {
        if self.changes.is_empty() || now < self.quiet_until {
            return Vec::new();
        }
        self.came.clear();
        let changes: Vec<Change> = core::mem::take(&mut self.changes).into_iter().flatten().collect();
        if changes.is_empty() {
            return Vec::new();
        }
        self.quiet_until = now.after(self.tick);
        if changes.len() > FEW {
            return alloc::vec![Notice::of(changes, count, now)];
        }
        // Counts back from the people who are in the room now to the number after each change.
        let mut count = count;
        let mut notices: Vec<Notice> = Vec::new();
        for change in changes.into_iter().rev() {
            let before = if change.came { count.saturating_sub(1) } else { count + 1 };
            notices.push(Notice::of(alloc::vec![change], count, now));
            count = before;
        }
        notices.reverse();
        notices
    }
}

impl Notice {
    fn of(changes: Vec<Change>, counts: usize, now: Time) -> Self {
        let (came, went): (Vec<_>, Vec<_>) = changes.into_iter().partition(|change| change.came);
        let (joined_count, left_count) = (came.len(), went.len());
        let names = |changes: Vec<Change>| changes.into_iter().take(LISTED).map(|change| change.name).collect();
        let (joined, left): (Vec<String>, Vec<String>) = (names(came), names(went));
        let parts = [sentence(&joined, joined_count, "进入聊天室"), sentence(&left, left_count, "离开聊天室")];
        let told: Vec<&str> = parts.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
        let data = format!("系统消息: {}", told.join("，"));
        Self { data, counts, joined, left, joined_count, left_count, time: now.as_millis() }
    }
}

/// `"A"、"B"等 12 人进入聊天室`.
fn sentence(names: &[String], count: usize, what: &str) -> String {
    if names.is_empty() {
        return String::new();
    }
    let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    let others = if count > names.len() { format!("等 {count} 人") } else { String::new() };
    format!("{}{others}{what}", quoted.join("、"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;

    const fn at(millis: u64) -> Time {
        Time::from_millis(millis)
    }

    fn told(presence: &mut Presence, count: usize, now: u64) -> Vec<String> {
        presence
            .notices(count, at(now))
            .into_iter()
            .map(|notice| format!("{} {}", notice.data, notice.counts))
            .collect()
    }

    #[test]
    fn the_first_is_told_at_once_and_the_next_at_the_ticks_end() {
        let mut presence = Presence::new(100);
        presence.joined("A".to_string());
        assert_eq!(told(&mut presence, 1, 1_000), ["系统消息: \"A\"进入聊天室 1"]);
        presence.joined("B".to_string());
        presence.left("A".to_string());
        assert_eq!(told(&mut presence, 1, 1_002), [""; 0]);
        assert_eq!(presence.due(), Some(at(1_100)));
        assert_eq!(told(&mut presence, 1, 1_100), ["系统消息: \"B\"进入聊天室 2", "系统消息: \"A\"离开聊天室 1"]);
        assert_eq!(presence.due(), None);
    }

    #[test]
    fn nobody_speaks_before_it_is_told_that_they_came() {
        let mut presence = Presence::new(100);
        presence.joined("A".to_string());
        presence.notices(1, at(1_000));
        presence.joined("B".to_string());
        presence.speaks("A");
        assert_eq!(told(&mut presence, 2, 1_001), [""; 0]);
        presence.speaks("B");
        assert_eq!(told(&mut presence, 2, 1_001), ["系统消息: \"B\"进入聊天室 2"]);
    }

    #[test]
    fn a_crowd_is_one_notice() {
        let mut presence = Presence::new(100);
        for n in 0..12 {
            presence.joined(n.to_string());
        }
        presence.left("x".to_string());
        let notices = presence.notices(11, at(1_000));
        assert_eq!(notices.len(), 1);
        let notice = &notices[0];
        assert_eq!((notice.joined.len(), notice.joined_count, notice.left_count, notice.counts), (10, 12, 1, 11));
        assert!(notice.data.ends_with("\"9\"等 12 人进入聊天室，\"x\"离开聊天室"), "{}", notice.data);
    }

    #[test]
    fn who_came_and_went_within_a_tick_is_not_told() {
        let mut presence = Presence::new(100);
        presence.joined("A".to_string());
        presence.joined("B".to_string());
        presence.left("A".to_string());
        assert_eq!(told(&mut presence, 1, 0), ["系统消息: \"B\"进入聊天室 1"]);
        presence.joined("C".to_string());
        presence.left("C".to_string());
        assert_eq!(told(&mut presence, 1, 500), [""; 0]);
        assert_eq!(presence.due(), None);
    }
}
