//! Finds an application that blocks: all clients wait for it. In debug builds only.

#[cfg(debug_assertions)]
use sanket::Event;
use sanket::driver::SocketEvent;
#[cfg(debug_assertions)]
use std::time::{Duration, Instant};

/// The application may take as long for an event. 50 ms are noticed by people who talk.
#[cfg(debug_assertions)]
const PATIENCE: Duration = Duration::from_millis(50);

/// Measures one call of the application.
pub(super) struct Watch {
    #[cfg(debug_assertions)]
    since: Instant,
    #[cfg(debug_assertions)]
    what: String,
}

impl Watch {
    /// The application is about to be called.
    #[cfg(debug_assertions)]
    pub(super) fn begin(event: &SocketEvent) -> Self {
        let what = match event {
            SocketEvent::Event(event) => format!("the event {:?}", Event::name(event)),
            SocketEvent::Connect(request) => format!("a connect request for {}", request.nsp),
            SocketEvent::Ack { .. } => "an acknowledgement".into(),
            SocketEvent::Message(_) => "a message".into(),
            SocketEvent::Disconnect(_) => "a disconnect".into(),
        };
        Self { since: Instant::now(), what }
    }

    /// The application has returned.
    #[cfg(debug_assertions)]
    pub(super) fn end(self) {
        let took = self.since.elapsed();
        if took >= PATIENCE {
            let (millis, what) = (took.as_millis(), self.what);
            log::warn!("the application took {millis} ms for {what}, and all clients waited: it must not block");
        }
    }

    #[cfg(not(debug_assertions))]
    pub(super) fn begin(_: &SocketEvent) -> Self {
        Self {}
    }

    #[cfg(not(debug_assertions))]
    pub(super) fn end(self) {}
}
