//! Many small simulations: whatever the network does, all clients get all messages, once and in order. `src/simulation`
//! has the checks. The `simulate` example replays a seed that fails.

use sanket_tests::simulation::{ByteSimulation, Cuts, Figures, Plan, Simulation};

fn play(plan: Plan) -> Figures {
    println!("{plan}");
    let mut simulation = Simulation::new(plan);
    while simulation.advance(60_000) {}
    simulation.finish()
}

fn assert_nothing_lost(figures: &Figures) {
    assert_eq!((figures.lost, figures.doubled, figures.not_recovered), (0, 0, 0), "{figures:?}");
}

#[test]
fn nothing_is_lost_where_every_connection_breaks() {
    for seed in 0..12 {
        let cuts = Cuts { life: 5 + 5 * (seed % 4), away: 10, silent: (seed % 5) as u8 * 25 };
        let figures =
            play(Plan { clients: 250, minutes: 3, seed, messages: 25, storm: seed % 2 == 0, cuts: Some(cuts) });
        assert_nothing_lost(&figures);
        assert!(figures.recovered > 500 && figures.heard > 95_000, "{figures:?}");
    }
}

#[test]
fn a_storm_of_everybody_ends() {
    let figures = play(Plan { clients: 3_000, minutes: 3, seed: 1, messages: 50, storm: true, cuts: None });
    assert_nothing_lost(&figures);
    assert_eq!((figures.connections, figures.cuts), (6_000, 3_000), "nobody is cut off but by the storm");
}

#[test]
fn the_same_seed_is_the_same_world() {
    let cuts = Some(Cuts { life: 10, away: 5, silent: 50 });
    let plan = Plan { clients: 300, minutes: 2, seed: 7, messages: 50, storm: true, cuts };
    let figures = play(plan);
    assert_eq!(figures, play(plan));
    assert_ne!(figures.trace, play(Plan { seed: 8, ..plan }).trace);
    // On every machine, and from one version to the next unless what the server does has been changed on purpose.
    assert_eq!(format!("{:016x}", figures.trace), "b9820579caef3ba4", "what happens in this world has changed");
}

/// The same in bytes, over simulated streams.
fn play_bytes(plan: Plan) -> Figures {
    println!("{plan} --bytes");
    let mut simulation = ByteSimulation::new(plan);
    while simulation.advance(60_000) {}
    simulation.finish()
}

#[test]
fn nothing_is_lost_in_bytes_where_every_connection_breaks() {
    for seed in 0..8 {
        let cuts = Cuts { life: 5 + 5 * (seed % 4), away: 10, silent: (seed % 5) as u8 * 25 };
        let figures =
            play_bytes(Plan { clients: 150, minutes: 3, seed, messages: 25, storm: seed % 2 == 0, cuts: Some(cuts) });
        assert_nothing_lost(&figures);
        assert!(figures.recovered > 200 && figures.heard > 50_000, "{figures:?}");
    }
}

#[test]
fn a_storm_of_everybody_ends_in_bytes() {
    let figures = play_bytes(Plan { clients: 1_000, minutes: 3, seed: 1, messages: 20, storm: true, cuts: None });
    assert_nothing_lost(&figures);
    assert_eq!((figures.connections, figures.cuts), (2_000, 1_000), "nobody is cut off but by the storm");
}

#[test]
fn the_same_seed_is_the_same_world_in_bytes() {
    let cuts = Some(Cuts { life: 10, away: 5, silent: 50 });
    let plan = Plan { clients: 200, minutes: 2, seed: 7, messages: 30, storm: true, cuts };
    let figures = play_bytes(plan);
    assert_eq!(figures, play_bytes(plan));
    assert_ne!(figures.trace, play_bytes(Plan { seed: 8, ..plan }).trace);
}
