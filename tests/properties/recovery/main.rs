//! Connection state recovery: restored sessions, missed events, and limits. A person remembers what `socket.io-client`
//! 4 does. The other modules have one case in each test; `schedules` does anything in any order, and compares what the
//! clients got with a model.

mod claims;
mod forgetting;
mod rests;
mod returns;
mod schedules;
mod scopes;

use sanket::{Config, Effects, Emit, Nsp, Recovery, Target};
use sanket_tests::people::{Call, Over, Person, Recorder};
use sanket_tests::world::World;

pub(crate) const ROOT: &Nsp = &Nsp::ROOT;
pub(crate) const BOTH: [Over; 2] = [Over::WebSocket, Over::Polling];

pub(crate) fn config(recovery: Recovery) -> Config {
    Config { recovery: Some(recovery), ..Config::default() }
}

/// Whoever comes back is not kept waiting, however soon it was here before. `rests` has the limit.
pub(crate) fn at_once() -> Recovery {
    Recovery { min_replay_interval: 0, replay_rate: usize::MAX, ..Recovery::default() }
}

pub(crate) fn world() -> World<Recorder> {
    World::new(Recorder::default(), config(at_once()))
}

pub(crate) fn with<R>(world: &mut World<Recorder>, work: impl FnOnce(&mut Effects<'_>) -> R) -> R {
    world.apply(|_, fx| work(fx))
}

/// Says a number to everybody in `/`.
pub(crate) fn say(world: &mut World<Recorder>, number: u64) {
    say_to(world, Target::Namespace(ROOT), number);
}

pub(crate) fn say_to(world: &mut World<Recorder>, target: Target<'_>, number: u64) {
    with(world, |fx| fx.send(target, &Emit::new("said").arg(&number)));
}

/// What the application has been told since somebody last looked.
pub(crate) fn calls(world: &mut World<Recorder>) -> Vec<Call> {
    world.apply(|app, _| std::mem::take(&mut app.calls))
}

/// Comes back, and reads what there is.
pub(crate) fn come_back(world: &mut World<Recorder>, person: &mut Person, over: Over) {
    person.come(world, over);
    person.listen(world);
    assert!(person.root().connected, "CONNECT has been answered");
}
