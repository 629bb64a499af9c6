//! Who is woken when something happens to a request of the application around the server.

use std::task::{Context, Waker};

/// Who is woken when something happens to a request.
#[derive(Debug, Default)]
pub(super) struct Wakers {
    pub(super) body: Option<Waker>,
    pub(super) writer: Option<Waker>,
    pub(super) gone: Option<Waker>,
}

impl Wakers {
    pub(super) fn wake_body(&mut self) {
        self.body.take().into_iter().for_each(Waker::wake);
    }

    pub(super) fn wake_writer(&mut self) {
        self.writer.take().into_iter().for_each(Waker::wake);
    }

    pub(super) fn wake_all(&mut self) {
        self.wake_body();
        self.wake_writer();
        self.gone.take().into_iter().for_each(Waker::wake);
    }
}

/// Has the task of `cx` woken by `waker` from now on.
pub(super) fn register(waker: &mut Option<Waker>, cx: &Context<'_>) {
    if !waker.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
        *waker = Some(cx.waker().clone());
    }
}
