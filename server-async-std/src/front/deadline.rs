//! One connection's alarm. It is set with every request, and hardly ever goes off: so a later time than before costs nothing
//! until the earlier one has come. Knows no reason for waiting.
use crate::workers::Alarm;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

#[derive(Debug)]
pub(super) struct Deadline {
    due: Instant,
    /// What the timer has been set to, if it has not fired yet.
    armed: Option<Instant>,
    timer: Alarm,
}

impl Deadline {
    pub(super) fn new(due: Instant) -> Self {
        Self { due, armed: None, timer: Alarm::at(due) }
    }

    pub(super) fn set(&mut self, due: Instant) {
        self.due = due;
    }

    /// Whether the timer is set to some time, and a task waits for it.
    pub(super) fn is_armed(&self) -> bool {
        self.armed.is_some()
    }

    /// Ready when the time has come.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let armed = match self.armed {
                Some(armed) if armed <= self.due => armed,
                _ => {
                    self.timer = Alarm::at(self.due);
                    *self.armed.insert(self.due)
                }
            };
            ready!(Pin::new(&mut self.timer).poll(cx));
            self.armed = None;
            if armed >= self.due {
                return Poll::Ready(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_std::task::block_on;
    use std::future::poll_fn;
    use std::time::Duration;

    const SHORT: Duration = Duration::from_millis(30);

    #[test]
    fn it_goes_off_when_it_was_last_set_to() {
        let start = Instant::now();
        let mut deadline = Deadline::new(start + SHORT);
        let wait = |deadline: &mut Deadline| block_on(poll_fn(|cx| deadline.poll(cx)));
        let polled = block_on(poll_fn(|cx| Poll::Ready(deadline.poll(cx))));
        assert!(polled.is_pending());
        deadline.set(start + 3 * SHORT);
        wait(&mut deadline);
        assert!(start.elapsed() >= 3 * SHORT, "later than it was armed for");
        deadline.set(start + 1000 * SHORT);
        assert!(block_on(poll_fn(|cx| Poll::Ready(deadline.poll(cx)))).is_pending());
        deadline.set(start + 4 * SHORT);
        wait(&mut deadline);
        assert!((4 * SHORT..500 * SHORT).contains(&start.elapsed()), "earlier than it was armed for");
    }
}
