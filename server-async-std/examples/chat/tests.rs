use super::app;
use sanket::testing::Bench;
use serde_json::json;

#[test]
fn users_hear_of_each_other() {
    let bench = Bench::new(app());
    let [ann, bob] = ["Ann", "Bob"].map(|_| bench.connect("/", ()));
    ann.emit("add user", "Ann");
    ann.emit("add user", "Eve");
    assert_eq!(ann.heard_all(), [json!(["login", { "numUsers": 1 }])]);
    assert_eq!(bob.heard_all(), [json!(["user joined", { "username": "Ann", "numUsers": 1 }])]);
    ann.emit("new message", "hi");
    ann.emit("typing", ());
    ann.emit("stop typing", ());
    assert_eq!(bob.expect("new message"), json!([{ "username": "Ann", "message": "hi" }]));
    assert_eq!(bob.expect("typing"), json!([{ "username": "Ann" }]));
    assert_eq!(bob.expect("stop typing"), json!([{ "username": "Ann" }]));
    assert!(ann.heard_all().is_empty());
    bob.emit("new message", "nameless");
    assert_eq!(ann.expect("new message"), json!([{ "message": "nameless" }]));
    bench.connect("/", ()).leave();
    ann.leave();
    assert_eq!(bob.heard_all(), [json!(["user left", { "username": "Ann", "numUsers": 0 }])]);
}
