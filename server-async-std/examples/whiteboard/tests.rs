use super::app;
use sanket::testing::Bench;
use serde_json::json;

#[test]
fn the_others_draw_the_same() {
    let bench = Bench::new(app());
    let [ann, bob] = ["Ann", "Bob"].map(|_| bench.connect("/", ()));
    ann.emit("drawing", json!({ "x0": 0.5, "color": "black" }));
    assert_eq!(bob.expect("drawing"), json!([{ "x0": 0.5, "color": "black" }]));
    assert!(ann.heard_all().is_empty());
}
