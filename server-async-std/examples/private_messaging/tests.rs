use super::app;
use sanket::testing::Bench;
use serde_json::json;

#[test]
fn sessions_and_messages_are_kept() {
    let bench = Bench::new(app());
    for auth in [json!({}), json!({ "username": "" }), json!({ "sessionID": "0123456789abcdef" })] {
        assert_eq!(
            bench.connect("/", auth).refusal().map(|refusal| refusal.message).as_deref(),
            Some("invalid username")
        );
    }
    let ann = bench.connect("/", json!({ "username": "Ann" }));
    let ann_session = ann.expect("session")[0].clone();
    let ann_id = ann_session["userID"].clone();
    assert!(ann_id.as_str().is_some_and(|id| id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit())));
    let in_ann = json!({ "userID": ann_id, "username": "Ann", "connected": true, "messages": [] });
    assert_eq!(ann.expect("users"), json!([[in_ann]]));

    let bob = bench.connect("/", json!({ "username": "Bob" }));
    let bob_id = bob.expect("session")[0]["userID"].clone();
    let in_bob = json!({ "userID": bob_id, "username": "Bob", "connected": true, "messages": [] });
    assert_eq!(bob.expect("users"), json!([[in_ann, in_bob]]));
    assert_eq!(ann.expect("user connected"), json!([in_bob]));

    let again = bench.connect("/", json!({ "sessionID": ann_session["sessionID"] }));
    assert_eq!(again.expect("session"), json!([ann_session]));
    ann.emit("private message", json!({ "content": "hi", "to": bob_id, "from": "Eve" }));
    let message = json!({ "content": "hi", "from": ann_id, "to": bob_id });
    assert_eq!(bob.expect("private message"), json!([message]));
    assert_eq!(again.expect("private message"), json!([message]));
    assert!(ann.heard("private message").is_empty());

    bob.heard_all().clear();
    ann.leave();
    assert!(bob.heard_all().is_empty(), "one socket is left");
    again.leave();
    assert_eq!(bob.expect("user disconnected"), json!([ann_id]));
    let eve = bench.connect("/", json!({ "username": "Eve" }));
    let seen = eve.expect("users");
    assert_eq!(seen[0][0], json!({ "userID": ann_id, "username": "Ann", "connected": false, "messages": [] }));
    let back = bench.connect("/", json!({ "sessionID": ann_session["sessionID"] }));
    assert_eq!(back.expect("users")[0][1]["messages"], json!([message]));
}
