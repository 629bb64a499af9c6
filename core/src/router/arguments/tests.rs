//! Values there and back.

use super::{Binary, read, write};
use crate::socket::Event;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

fn event(json: &str, attachments: &[&'static [u8]]) -> Event {
    let name = json.find('"').map_or(0..0, |start| start..start + 1 + json[start + 1..].find('"').unwrap() + 1);
    Event::new(json.into(), name, None, attachments.iter().map(|data| Bytes::from_static(data)).collect())
}

fn reads<T: DeserializeOwned>(json: &str) -> Result<T, String> {
    read(&event(json, &[])).map_err(|error| alloc::format!("{error}"))
}

#[test]
fn arguments_are_read_as_they_are_wanted() {
    assert_eq!(reads::<String>(r#"["say","hi"]"#).as_deref(), Ok("hi"));
    assert_eq!(reads::<String>(r#"["say","hi",{"more":1}]"#).as_deref(), Ok("hi"));
    assert_eq!(reads::<(String, Option<u8>)>(r#"["say","hi"]"#), Ok(("hi".into(), None)));
    assert_eq!(reads::<(String, Option<u8>)>(r#"[ "say" , "hi", 5 , [6] ] "#), Ok(("hi".into(), Some(5))));
    assert_eq!(reads::<()>(r#"["say",1,2]"#), Ok(()));
    assert_eq!(reads::<()>(r#"["say"]"#), Ok(()));
    assert_eq!(reads::<Option<u8>>(r#"["say"]"#), Ok(None));
    assert_eq!(reads::<Option<u8>>(r#"["say",null]"#), Ok(None));
    assert_eq!(reads::<serde_json::Value>(r#"["say"]"#), Ok(serde_json::Value::Null));
    assert_eq!(reads::<Vec<u8>>(r#"["say",[1,2]]"#), Ok(vec![1, 2]));
    assert_eq!(reads::<((u8, u8),)>(r#"["say",[1,2]]"#), Ok(((1, 2),)));
    assert_eq!(reads::<u8>(r#"["say"]"#), Err("argument 1 is missing".into()));
    assert_eq!(reads::<(u8, u8)>(r#"["say",1]"#), Err("argument 2 is missing at line 1 column 9".into()));
    assert!(reads::<u8>(r#"["say","1"]"#).unwrap_err().starts_with(r#"invalid type: string "1", expected u8"#));
    let answer = Event::acknowledgement("[7,8]".into(), Vec::new());
    assert_eq!(read::<(u8, u8)>(&answer).ok(), Some((7, 8)));
    assert_eq!(read::<u8>(&answer).ok(), Some(7));
    assert_eq!(read::<Option<u8>>(&Event::acknowledgement("[]".into(), Vec::new())).ok(), Some(None));
}

#[derive(Debug, PartialEq, Serialize, serde::Deserialize)]
enum Kind {
    Empty,
    New(Binary),
    Tuple(u8, Binary),
    Struct { data: Binary },
}

#[derive(Debug, PartialEq, Serialize, serde::Deserialize)]
struct Wrapper(Binary);

#[derive(Debug, PartialEq, Serialize, serde::Deserialize)]
struct Pair(Binary, String);

#[derive(Debug, PartialEq, Serialize, serde::Deserialize)]
struct File {
    name: String,
    data: Option<Binary>,
    parts: Vec<Wrapper>,
    kinds: Vec<Kind>,
    by_name: BTreeMap<String, (u8, Binary)>,
    pair: Pair,
    nothing: (),
}

#[test]
fn bytes_are_attachments_wherever_they_are() {
    let bytes = |text: &'static str| Binary(Bytes::from_static(text.as_bytes()));
    let file = File {
        name: "a".into(),
        data: Some(bytes("0")),
        parts: vec![Wrapper(bytes("1")), Wrapper(bytes("2"))],
        kinds: vec![Kind::Empty, Kind::New(bytes("3")), Kind::Tuple(4, bytes("4")), Kind::Struct { data: bytes("5") }],
        by_name: BTreeMap::from([("six".into(), (6, bytes("6")))]),
        pair: Pair(bytes("7"), "b".into()),
        nothing: (),
    };
    let written = write(&("file", &file, bytes("8"))).unwrap();
    assert_eq!(written.attachments, ["0", "1", "2", "3", "4", "5", "6", "7", "8"]);
    assert!(written.json.starts_with(r#""file",{"name":"a","data":{"_placeholder":true,"num":0},"parts":["#));
    let json = alloc::format!("[\"name\",{}]", written.json);
    let event = Event::new(json.into(), 1..7, None, written.attachments.clone());
    let read: (String, File, Binary) = read(&event).unwrap();
    assert_eq!(read, ("file".into(), file, bytes("8")));
}

#[test]
fn how_many_arguments_a_value_is() {
    let json = |value: &dyn erased::Json| value.json();
    assert_eq!(json(&"a"), r#""a""#);
    assert_eq!(json(&("a", 1)), r#""a",1"#);
    assert_eq!(json(&(("a", 1),)), r#"["a",1]"#);
    assert_eq!(json(&()), "");
    assert_eq!(json(&vec![1, 2]), "[1,2]");
    assert_eq!(json(&Some(())), "null");
    assert_eq!(json(&None::<u8>), "null");
    assert_eq!(json(&serde_json::json!([1, { "b": 2.5 }])), r#"[1,{"b":2.5}]"#);
    let raw = serde_json::value::RawValue::from_string("1e400".into()).unwrap();
    assert_eq!(json(&(&raw, &raw)), "1e400,1e400");
    assert!(write(&BTreeMap::from([((1, 2), 3)])).is_err());
}

mod erased {
    pub(super) trait Json {
        fn json(&self) -> alloc::string::String;
    }

    impl<T: serde::Serialize> Json for T {
        fn json(&self) -> alloc::string::String {
            super::write(self).unwrap().json
        }
    }
}

#[test]
fn only_attachments_are_binary() {
    let is_binary = |json: &str| read::<Binary>(&event(json, &[b"x"])).is_ok();
    assert!(is_binary(r#"["a",{"_placeholder":true,"num":0}]"#));
    for other in ["null", "\"x\"", "[120]", "{}", r#"{"_placeholder":true}"#, r#"{"_placeholder":false,"num":0}"#] {
        assert!(!is_binary(&alloc::format!(r#"["a",{other}]"#)), "{other}");
    }
    // Without attachments there are none.
    assert!(reads::<Binary>(r#"["a","x"]"#).is_err() && reads::<Binary>(r#"["a",[1]]"#).is_err());
    assert!(reads::<Option<Binary>>(r#"["a",null]"#).is_ok());
}
