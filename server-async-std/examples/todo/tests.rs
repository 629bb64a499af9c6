use super::app;
use sanket::testing::Bench;
use serde_json::json;

const UNKNOWN: &str = "0b3a1d2e-6c1f-4a55-9e0b-1f2d3c4b5a69";

#[test]
fn entities_come_and_go() {
    let bench = Bench::new(app());
    let [ann, bob] = ["Ann", "Bob"].map(|_| bench.connect("/", ()));
    let created =
        ann.emit_with_ack("todo:create", json!({ "title": "buy milk", "completed": "FALSE", "more": 1 })).expect();
    let id = created[0]["data"].as_str().expect("an id").to_owned();
    let entity = json!({ "id": id, "title": "buy milk", "completed": false });
    assert_eq!(bob.expect("todo:created"), json!([entity]));
    assert_eq!(ann.emit_with_ack("todo:list", ()).expect(), json!([{ "data": [entity] }]));
    assert_eq!(ann.emit_with_ack("todo:read", &*id).expect(), json!([{ "data": entity }]));
    let updated = json!({ "id": id, "title": "buy beer", "completed": true });
    assert_eq!(ann.emit_with_ack("todo:update", updated.clone()).expect(), json!([]));
    assert_eq!(bob.expect("todo:updated"), json!([updated]));
    assert_eq!(ann.emit_with_ack("todo:delete", &*id).expect(), json!([]));
    assert_eq!(bob.expect("todo:deleted"), json!([id]));
    for wrong in [json!(id), json!(UNKNOWN), json!(5), json!("123")] {
        for event in ["todo:read", "todo:delete"] {
            assert_eq!(ann.emit_with_ack(event, wrong.clone()).expect(), json!([{ "error": "entity not found" }]));
        }
    }
    assert!(bob.heard_all().is_empty() && ann.heard_all().is_empty());
}

#[test]
fn all_faults_are_told_at_once() {
    let bench = Bench::new(app());
    let ann = bench.connect("/", ());
    let faults = |event, payload| {
        let answer = ann.emit_with_ack(event, payload).expect();
        assert_eq!(answer[0]["error"], "invalid payload");
        answer[0]["errorDetails"].clone()
    };
    assert_eq!(
        faults("todo:create", json!({ "id": UNKNOWN, "title": "é".repeat(257), "completed": 1 })),
        json!([
            { "message": "\"id\" is not allowed", "path": ["id"], "type": "any.unknown" },
            {
                "message": "\"title\" length must be less than or equal to 256 characters long",
                "path": ["title"], "type": "string.max"
            },
            { "message": "\"completed\" must be a boolean", "path": ["completed"], "type": "boolean.base" },
        ])
    );
    assert_eq!(
        faults("todo:update", json!({ "id": "123", "title": "" })),
        json!([
            { "message": "\"id\" must be a valid GUID", "path": ["id"], "type": "string.guid" },
            { "message": "\"title\" is not allowed to be empty", "path": ["title"], "type": "string.empty" },
            { "message": "\"completed\" is required", "path": ["completed"], "type": "any.required" },
        ])
    );
    assert_eq!(faults("todo:update", json!({}))[0]["type"], "any.required");
    assert_eq!(
        faults("todo:create", json!([])),
        json!([{ "message": "\"value\" must be of type object", "path": [], "type": "object.base" }])
    );
}
