//! Events with acknowledgements, from one socket or from many.

use crate::{calls, people, with, world};
use sanket::{BroadcastAckId, Config, Emit, Nsp, SocketId, Target};
use sanket_tests::people::{Call, Person, Recorder, pass};
use sanket_tests::world::World;

const ROOT: &Nsp = &Nsp::ROOT;

fn emit_with_ack(world: &mut World<Recorder>, target: Target<'_>, timeout: u64) -> BroadcastAckId {
    with(world, |fx| fx.emit_with_ack(target, &Emit::new("q").arg(&1), timeout))
}

/// Answers what the person has been asked.
fn answer(world: &mut World<Recorder>, person: &mut Person, with: &str) {
    person.listen(world);
    let asks = std::mem::take(&mut person.places.get_mut("/").expect("a place").owed_acks);
    for id in asks {
        person.say(world, &format!("43{id}[{with}]"));
    }
}

fn names(world: &mut World<Recorder>, people: &[Person]) -> Vec<SocketId> {
    people.iter().map(|person| person.who(world)).collect()
}

#[test]
fn when_everybody_has_answered_there_is_an_end() {
    let mut world = world();
    let mut people: [_; 3] = people(&mut world);
    let who = names(&mut world, &people);
    calls(&mut world);
    let id = emit_with_ack(&mut world, Target::Namespace(ROOT), 1_000);
    for n in [2, 0, 1] {
        answer(&mut world, &mut people[n], &n.to_string());
    }
    assert_eq!(
        calls(&mut world),
        [
            Call::Ack(id, who[2], "[2]".into()),
            Call::Ack(id, who[0], "[0]".into()),
            Call::Ack(id, who[1], "[1]".into()),
            Call::AcksDone(id, vec![])
        ]
    );
    assert_eq!(world.server.hub.poll_timeout(), None);
    pass(&mut world, &mut people.each_mut(), 5_000);
    assert_eq!(calls(&mut world), [], "once is enough");
}

#[test]
fn who_is_silent_is_waited_for_until_the_deadline() {
    let mut world = world();
    let mut people: [_; 3] = people(&mut world);
    let who = names(&mut world, &people);
    let id = emit_with_ack(&mut world, Target::Namespace(ROOT), 1_000);
    answer(&mut world, &mut people[1], "");
    calls(&mut world);
    world.advance(999);
    assert_eq!(calls(&mut world), []);
    world.advance(1);
    let mut silent = vec![who[0], who[2]];
    silent.sort_unstable();
    assert_eq!(calls(&mut world), [Call::AcksDone(id, silent)]);
    // What comes now is for nobody.
    answer(&mut world, &mut people[0], "1");
    assert_eq!(calls(&mut world), []);
    assert_eq!(world.server.hub.poll_timeout(), None);
}

#[test]
fn who_leaves_is_not_waited_for() {
    for way in 0..3 {
        let mut world = world();
        let mut people: [_; 2] = people(&mut world);
        let who = names(&mut world, &people);
        let id = emit_with_ack(&mut world, Target::Namespace(ROOT), 1_000);
        answer(&mut world, &mut people[0], "1");
        calls(&mut world);
        match way {
            0 => people[1].cut(&mut world),
            1 => people[1].say(&mut world, "41"),
            _ => with(&mut world, |fx| fx.disconnect(who[1], true)),
        }
        let told = calls(&mut world);
        assert_eq!(told.last(), Some(&Call::AcksDone(id, vec![who[1]])), "{told:?}");
        assert_eq!(told.len(), 3);
        assert_eq!(world.server.hub.poll_timeout(), None);
    }
}

#[test]
fn answers_that_nobody_waits_for_are_ignored() {
    let mut world = world();
    let mut people: [_; 3] = people(&mut world);
    let who = names(&mut world, &people);
    calls(&mut world);
    let id = with(&mut world, |fx| {
        let both = sanket::BroadcastOptions { except: &[who[2]], ..sanket::BroadcastOptions::of(ROOT) };
        fx.emit_with_ack(Target::Broadcast(both), &Emit::new("q"), 1_000)
    });
    people[0].listen(&mut world);
    let owed = people[0].root().owed_acks[0];
    for _ in 0..3 {
        people[0].say(&mut world, &format!("43{owed}[1]"));
    }
    // A stranger's, one for an id that nobody has given out, one without an id.
    people[2].say(&mut world, &format!("43{owed}[2]"));
    people[0].say(&mut world, "43999[3]");
    people[0].say(&mut world, "43[4]");
    assert_eq!(calls(&mut world), [Call::Ack(id, who[0], "[1]".into())]);
    answer(&mut world, &mut people[1], "5");
    assert_eq!(calls(&mut world).last(), Some(&Call::AcksDone(id, vec![])));
    assert_eq!(world.server.hub.len(), 3, "nobody has been closed for it");
}

#[test]
fn an_answer_from_another_namespace_is_a_strangers() {
    let mut world = world();
    let mut person = Person::new(sanket::Revision::V4, &["/", "/a"]);
    person.come(&mut world, sanket_tests::people::Over::WebSocket);
    person.listen(&mut world);
    let asked = person.who(&mut world);
    calls(&mut world);
    emit_with_ack(&mut world, Target::Socket(asked), 1_000);
    person.listen(&mut world);
    let id = person.root().owed_acks[0];
    person.say(&mut world, &format!("43/a,{id}[1]"));
    assert_eq!(calls(&mut world), []);
}

#[test]
fn who_owes_too_many_answers_is_not_asked() {
    let mut world = World::new(Recorder::default(), Config { max_pending_acks: 2, ..Config::default() });
    let mut people: [_; 2] = people(&mut world);
    let who = names(&mut world, &people);
    calls(&mut world);
    for _ in 0..2 {
        emit_with_ack(&mut world, Target::Socket(who[0]), 10_000);
    }
    let third = emit_with_ack(&mut world, Target::Namespace(ROOT), 10_000);
    people[0].listen(&mut world);
    assert_eq!(people[0].root().owed_acks.len(), 2);
    let alone = emit_with_ack(&mut world, Target::Socket(who[0]), 10_000);
    world.advance(1);
    assert_eq!(calls(&mut world), [Call::AcksDone(alone, vec![who[0]])], "soon, since nobody is asked");
    answer(&mut world, &mut people[1], "1");
    assert_eq!(calls(&mut world).last(), Some(&Call::AcksDone(third, vec![who[0]])));
    // Who has answered may be asked again; who let the time pass, too.
    answer(&mut world, &mut people[0], "1");
    for _ in 0..2 {
        emit_with_ack(&mut world, Target::Socket(who[0]), 500);
    }
    world.advance(500);
    for _ in 0..2 {
        emit_with_ack(&mut world, Target::Socket(who[0]), 500);
    }
    people[0].listen(&mut world);
    assert_eq!(people[0].root().owed_acks.len(), 4);
}

#[test]
fn if_there_is_nobody_to_ask_that_is_said_soon() {
    let mut world = world();
    let mut people: [_; 1] = people(&mut world);
    let who = people[0].who(&mut world);
    people[0].cut(&mut world);
    calls(&mut world);
    for target in [Target::Namespace(ROOT), Target::Room(ROOT, "r"), Target::Socket(who)] {
        let id = emit_with_ack(&mut world, target, 1_000);
        // Not at once: an application that asks again would be told so for ever.
        assert_eq!(calls(&mut world), []);
        world.advance(1);
        assert_eq!(calls(&mut world), [Call::AcksDone(id, vec![])]);
        assert_eq!(world.server.hub.poll_timeout(), None);
    }
}

#[test]
fn a_timeout_of_nothing_and_one_for_ever() {
    let mut world = world();
    let mut people: [_; 1] = people(&mut world);
    let who = people[0].who(&mut world);
    calls(&mut world);
    let now = emit_with_ack(&mut world, Target::Socket(who), 0);
    assert_eq!(calls(&mut world), [], "not within the call that asks");
    world.advance(0);
    assert_eq!(calls(&mut world), [], "nor within the same moment");
    world.advance(1);
    assert_eq!(calls(&mut world), [Call::AcksDone(now, vec![who])]);
    let ever = emit_with_ack(&mut world, Target::Socket(who), u64::MAX);
    assert_eq!(world.server.hub.poll_timeout(), None);
    pass(&mut world, &mut people.each_mut(), 1_000_000);
    answer(&mut world, &mut people[0], "1");
    assert_eq!(calls(&mut world), [Call::Ack(ever, who, "[1]".into()), Call::AcksDone(ever, vec![])]);
}

#[test]
fn who_is_asked_and_put_out_in_one_breath_is_silent() {
    let mut world = world();
    let people: [_; 1] = people(&mut world);
    let who = people[0].who(&mut world);
    calls(&mut world);
    let id = with(&mut world, |fx| {
        fx.disconnect(who, false);
        fx.emit_with_ack(Target::Socket(who), &Emit::new("q"), 1_000)
    });
    assert_eq!(calls(&mut world).last(), Some(&Call::AcksDone(id, vec![who])));
    assert_eq!(world.server.hub.poll_timeout(), None);
}

#[test]
fn binary_questions_and_answers_keep_their_attachments() {
    let mut world = world();
    let mut people: [_; 1] = people(&mut world);
    let who = people[0].who(&mut world);
    let data = [bytes::Bytes::from_static(b"abc")];
    with(&mut world, |fx| {
        let event = Emit::new("q").args_json(r#"{"_placeholder":true,"num":0}"#).attachments(&data);
        fx.emit_with_ack(Target::Socket(who), &event, 1_000)
    });
    let packets = people[0].read(&mut world);
    assert_eq!(packets, ["451-0[\"q\",{\"_placeholder\":true,\"num\":0}]", "b3 bytes"]);
}
