//! The application of the simulation: rooms of a hundred people. Each message has a number in its room, so that a
//! person that gets it knows whether one is missing.

use sanket::{AckId, App, ConnectRequest, Effects, Emit, Event, Nsp, PreviousSocket, Reason, SocketId, Target};
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(crate) struct Talk {
    /// How many messages have been said in each room.
    pub(crate) said: BTreeMap<u32, u32>,
    pub(crate) people: usize,
    pub(crate) recovered: u64,
    pub(crate) taken_over: u64,
}

impl App for Talk {
    fn connect(&mut self, _: SocketId, _: &ConnectRequest, _: &mut Effects<'_>) {
        self.people += 1;
    }

    fn recover(&mut self, _: SocketId, earlier: PreviousSocket, _: &ConnectRequest, _: &mut Effects<'_>) {
        self.recovered += 1;
        self.taken_over += u64::from(earlier.connected);
        self.people += usize::from(!earlier.connected);
    }

    fn event(&mut self, who: SocketId, event: &Event, _: Option<AckId>, fx: &mut Effects<'_>) {
        let room = event.first_arg().unwrap_or_default();
        let number: u32 = room.parse().unwrap_or_default();
        match &*event.name() {
            "join" => {
                let _ = fx.join(who, room);
                // What was said before is not missing.
                let said = self.said.get(&number).copied().unwrap_or_default();
                fx.send(Target::Socket(who), &Emit::new("in").arg(&said));
            }
            "say" => {
                let said = self.said.entry(number).or_default();
                *said += 1;
                fx.send(Target::Room(&Nsp::ROOT, room), &Emit::new("said").arg(said));
            }
            _ => {}
        }
    }

    fn disconnect(&mut self, _: SocketId, _: Reason, _: &mut Effects<'_>) {
        self.people -= 1;
    }
}
