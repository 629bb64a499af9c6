//! The hub: rooms, targets, connect requests and acknowledgements. Each test has the name of what it shows. `model`
//! compares the hub with a simple and slow model.

mod acks;
mod admission;
mod leaving;
mod limits;
mod model;
mod protocols;
mod targets;

use sanket::{Config, Effects, Target};
use sanket_tests::people::{Call, Over, Person, Recorder};
use sanket_tests::world::World;

pub(crate) fn world() -> World<Recorder> {
    World::new(Recorder::default(), Config::default())
}

pub(crate) fn people<const N: usize>(world: &mut World<Recorder>) -> [Person; N] {
    std::array::from_fn(|n| Person::here(world, if n % 2 == 0 { Over::WebSocket } else { Over::Polling }))
}

/// What the application has been told since somebody last looked.
pub(crate) fn calls(world: &mut World<Recorder>) -> Vec<Call> {
    world.apply(|app, _| std::mem::take(&mut app.calls))
}

/// Does something with the application's hands.
pub(crate) fn with<R>(world: &mut World<Recorder>, work: impl FnOnce(&mut Effects<'_>) -> R) -> R {
    world.apply(|_, fx| work(fx))
}

/// Who of these hears it when something is said to a target.
pub(crate) fn hearers(world: &mut World<Recorder>, people: &mut [Person], target: Target<'_>) -> Vec<usize> {
    world.apply(|_, fx| fx.emit(target, "said", &1));
    let mut who = Vec::new();
    for (index, person) in people.iter_mut().enumerate() {
        person.listen(world);
        for place in person.places.values_mut() {
            who.extend(place.heard.drain(..).map(|_| index));
        }
    }
    who
}
