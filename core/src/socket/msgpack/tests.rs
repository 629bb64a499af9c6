//! Tests of both directions: against bytes that notepack.io wrote, and against hostile input.

use super::decode::push_date;
use super::*;
use crate::socket::json;
use alloc::format;
use alloc::vec;
use serde_json::Value as Tree;

const LIMITS: Limits = Limits { max_depth: 32, max_attachments: 10 };

fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.chars().filter_map(|c| c.to_digit(16)).map(|d| u8::try_from(d).unwrap()).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// Decodes `{type: 2, data, nsp: "/"}`, where `data` is msgpack in hexadecimal digits.
fn data(digits: &str) -> Result<(String, usize), Error> {
    let bytes = hex(&format!("83 a474797065 02 a464617461 {digits} a36e7370 a12f"));
    decode(&bytes, &LIMITS).map(|decoded| (decoded.data.unwrap_or_default(), decoded.attachments.len()))
}

fn json(digits: &str) -> Result<String, Error> {
    data(digits).map(|(json, _)| json)
}

/// Type, namespace, id and data.
type Members = (u8, &'static str, Option<u64>, Option<&'static str>);

/// Whole messages as notepack.io 2.2.0 wrote them, with the JavaScript expression, and the expected packet.
const NOTEPACK_WROTE: [(&str, Members); 12] = [
    // {type:0,data:undefined,nsp:'/'}
    ("83a47479706500a464617461d40000a36e7370a12f", (0, "/", None, None)),
    // {type:0,data:{token:'abc'},nsp:'/admin'}
    (
        "83a47479706500a46461746181a5746f6b656ea3616263a36e7370a62f61646d696e",
        (0, "/admin", None, Some(r#"{"token":"abc"}"#)),
    ),
    // {type:1,nsp:'/'}
    ("82a47479706501a36e7370a12f", (1, "/", None, None)),
    // {type:2,data:['hello',1,-1,1.5,true,false,null,undefined,'ü€😀'],options:{compress:true},id:0,nsp:'/'}
    (
        "85a47479706502a46461746199a568656c6c6f01ffcb3ff8000000000000c3c2c0d40000a9c3bce282acf09f9880
         a76f7074696f6e7381a8636f6d7072657373c3a2696400a36e7370a12f",
        (2, "/", Some(0), Some(r#"["hello",1,-1,1.5,true,false,null,null,"ü€😀"]"#)),
    ),
    // {type:2,data:['n',127,128,255,256,65535,65536,4294967295,4294967296,9007199254740991,-32,-33,-128,-129,
    //  -32768,-32769,-2147483648,-2147483649,-9007199254740991],nsp:'/'}
    (
        "83a47479706502a464617461dc0013a16e7fcc80ccffcd0100cdffffce00010000ceffffffffcf0000000100000000
         cf001fffffffffffffe0d0dfd080d1ff7fd18000d2ffff7fffd280000000d3ffffffff7fffffffd3ffe0000000000001a36e7370a12f",
        (
            2,
            "/",
            None,
            Some(
                "[\"n\",127,128,255,256,65535,65536,4294967295,4294967296,9007199254740991,-32,-33,-128,-129,-32768,\
             -32769,-2147483648,-2147483649,-9007199254740991]",
            ),
        ),
    ),
    // {type:2,data:['f',0.1,1e-7,NaN,Infinity,-Infinity,-0,5e-324],nsp:'/'}
    (
        "83a47479706502a46461746198a166cb3fb999999999999acb3e7ad7f29abcaf48cb7ff8000000000000cb7ff0000000000000
         cbfff000000000000000cb0000000000000001a36e7370a12f",
        (2, "/", None, Some(r#"["f",0.1,1e-7,null,null,null,0,5e-324]"#)),
    ),
    // {type:2,data:['d',new Date(0),new Date(-1),new Date('2024-02-29T12:34:56.789Z'),new Date(8.64e15),
    //  new Date(-62198755200000)],nsp:'/'}
    (
        "83a47479706502a46461746196a164d7000000000000000000d700ffffffffffffffffd7000000018df4dc5495
         d700001eb208c2dc0000d700ffffc76e394a7400a36e7370a12f",
        (
            2,
            "/",
            None,
            Some(
                "[\"d\",\"1970-01-01T00:00:00.000Z\",\"1969-12-31T23:59:59.999Z\",\"2024-02-29T12:34:56.789Z\",\
             \"+275760-09-13T00:00:00.000Z\",\"-000001-01-01T00:00:00.000Z\"]",
            ),
        ),
    ),
    // {type:2,data:['b',Buffer.from([1,2,3]),{x:{y:[Buffer.alloc(0)]}},new Uint8Array([4,5]).buffer],nsp:'/',id:7}
    (
        "84a47479706502a46461746194a162c40301020381a17881a17991c400c702000405a36e7370a12fa2696407",
        (
            2,
            "/",
            Some(7),
            Some(
                r#"["b",{"_placeholder":true,"num":0},{"x":{"y":[{"_placeholder":true,"num":1}]}},{"_placeholder":true,"num":2}]"#,
            ),
        ),
    ),
    // {type:2,data:['b',new Uint8Array([4]),new ArrayBuffer(8)],nsp:'/'}
    (
        "83a47479706502a46461746193a162c7010004c708000000000000000000a36e7370a12f",
        (2, "/", None, Some(r#"["b",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#)),
    ),
    // {type:2,data:['q"\\/\b\f\n\r\t\u0001\u007f\u2028',{'k"':1}],nsp:'/'}
    (
        "83a47479706502a46461746192ae71225c2f080c0a0d09017fe280a881a26b2201a36e7370a12f",
        (2, "/", None, Some("[\"q\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\u{7f}\u{2028}\",{\"k\\\"\":1}]")),
    ),
    // {type:3,data:[],nsp:'/x',id:300}
    ("84a47479706503a46461746190a36e7370a22f78a26964cd012c", (3, "/x", Some(300), Some("[]"))),
    // {type:4,data:'no',nsp:'/'}
    ("83a47479706504a464617461a26e6fa36e7370a12f", (4, "/", None, Some("\"no\""))),
];

#[test]
fn what_notepack_writes_is_read() {
    for (digits, members) in NOTEPACK_WROTE {
        let decoded = decode(&hex(digits), &LIMITS).unwrap();
        let got = (decoded.kind, decoded.nsp.as_str(), decoded.id, decoded.data.as_deref());
        assert_eq!(got, members, "{digits}");
    }
    let binary = decode(&hex(NOTEPACK_WROTE[7].0), &LIMITS).unwrap();
    assert_eq!(binary.attachments, [&[1, 2, 3][..], &[], &[4, 5]]);
    let binary = decode(&hex(NOTEPACK_WROTE[8].0), &LIMITS).unwrap();
    assert_eq!(binary.attachments, [&[4][..], &[0; 8]]);
}

/// Packets as notepack.io 2.2.0 encodes them, member by member. Their data is `JSON.parse` of the text.
#[test]
fn what_is_written_is_what_notepack_writes() {
    for (kind, nsp, id, data, digits) in [
        (0, "/", None, Some(r#"{"sid":"AQEB"}"#), "83a47479706500a46461746181a3736964a441514542a36e7370a12f"),
        (1, "/x", None, None, "82a47479706501a36e7370a22f78"),
        (
            2,
            "/",
            None,
            Some(
                "[\"n\",0,-0,127,128,255,256,65535,65536,4294967295,4294967296,9007199254740991,-1,-32,-33,-128,\
                 -129,-32768,-32769,-2147483648,-2147483649,-9007199254740991]",
            ),
            "83a47479706502a464617461dc0016a16e00007fcc80ccffcd0100cdffffce00010000ceffffffffcf0000000100000000
             cf001fffffffffffffffe0d0dfd080d1ff7fd18000d2ffff7fffd280000000d3ffffffff7fffffffd3ffe0000000000001
             a36e7370a12f",
        ),
        (
            2,
            "/",
            None,
            Some(r#"["f",0.1,1e-7,5e-324,1e400]"#),
            "83a47479706502a46461746195a166cb3fb999999999999acb3e7ad7f29abcaf48cb0000000000000001
             cb7ff0000000000000a36e7370a12f",
        ),
        (
            2,
            "/",
            Some(300),
            Some(
                r#" [ "q\"\\\/\b\f\n\r\t\u0001\u2028\ud83d\ude00" , {"k\"" :[true,false , null]},{ } ,
                    [ ]]"#,
            ),
            "84a47479706502a46461746194b171225c2f080c0a0d0901e280a8f09f988081a26b2293c3c2c08090a36e7370a12f
             a26964cd012c",
        ),
        (3, "/", Some(0), Some("[]"), "84a47479706503a46461746190a36e7370a12fa2696400"),
        (4, "/", None, Some(r#"{"message":"no"}"#), "83a47479706504a46461746181a76d657373616765a26e6fa36e7370a12f"),
    ] {
        assert_eq!(encode(kind, nsp, id, data, &[]), hex(digits), "{data:?}");
    }
    // ['b',Buffer.from([1,2,3]),{x:[Buffer.alloc(0)]}]
    let data = r#"["b",{"_placeholder":true,"num":1},{"x":[{"num":0.0,"_placeholder":true}]}]"#;
    let attachments = [Bytes::new(), Bytes::from_static(&[1, 2, 3])];
    let digits = "83a47479706502a46461746193a162c40301020381a17891c400a36e7370a12f";
    assert_eq!(encode(2, "/", None, Some(data), &attachments), hex(digits));
}

/// Encodes and decodes again.
fn there_and_back(json: &str, attachments: &[Bytes]) -> (String, Vec<Bytes>) {
    let decoded = decode(&encode(2, "/", None, Some(json), attachments), &LIMITS).unwrap();
    (decoded.data.unwrap(), decoded.attachments)
}

#[test]
fn headers_grow_with_what_they_head() {
    for count in [0, 1, 15, 16, 31, 32, 255, 256, 65_535, 65_536] {
        let array = format!("[{}]", vec!["1"; count].join(","));
        assert_eq!(there_and_back(&array, &[]).0, array);
        let map = format!("{{{}}}", vec!["\"a\":null"; count].join(","));
        assert_eq!(there_and_back(&map, &[]).0, map);
        let string = format!("\"{}\"", "é".repeat(count));
        assert_eq!(there_and_back(&string, &[]).0, string);
        let escaped = format!("\"{}\"", "\\\"".repeat(count));
        assert_eq!(there_and_back(&escaped, &[]).0, escaped);
        let placeholder = r#"[{"_placeholder":true,"num":0}]"#;
        let binary = [Bytes::from(vec![7; count])];
        assert_eq!(there_and_back(placeholder, &binary), (placeholder.into(), binary.into()));
    }
}

#[test]
fn numbers_and_text_at_their_limits() {
    for (sent, got) in [
        ("18446744073709551615", "18446744073709551615"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("18446744073709551616", "1.8446744073709552e19"),
        ("1e2", "100.0"),
        ("-0.0", "-0.0"),
        ("1.7976931348623157e308", "1.7976931348623157e308"),
        ("1e400", "null"),
        (r#""\ud800x\udc00""#, "\"\u{fffd}x\u{fffd}\""),
        (r#"{"a":1,"a":{"\n":2}}"#, r#"{"a":1,"a":{"\n":2}}"#),
    ] {
        assert_eq!(there_and_back(sent, &[]).0, got);
    }
    // A float of 32 bits becomes the same number.
    assert_eq!(json("ca3dcccccd"), Ok("0.10000000149011612".into()));
    assert_eq!(json("ca7f800000"), Ok("null".into()));
    assert_eq!(json("cfffffffffffffffff"), Ok("18446744073709551615".into()));
    assert_eq!(json("d38000000000000000"), Ok("-9223372036854775808".into()));
}

#[test]
fn dates_beyond_javascripts_are_null() {
    // 8.64e15 and one more, in both directions.
    assert_eq!(json("d700001eb208c2dc0001"), Ok("null".into()));
    assert_eq!(json("d700ffe14df73d240000"), Ok("\"-271821-04-20T00:00:00.000Z\"".into()));
    assert_eq!(json("d700ffe14df73d23ffff"), Ok("null".into()));
    assert_eq!(json("d7008000000000000000"), Ok("null".into()));
    assert_eq!(json("d7007fffffffffffffff"), Ok("null".into()));
    // Leap years, and years with another number of digits.
    for (millis, iso) in [
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (-2_203_977_600_000, "1900-02-28T00:00:00.000Z"),
        (-2_203_891_200_000, "1900-03-01T00:00:00.000Z"),
        (-62_167_219_200_001, "-000001-12-31T23:59:59.999Z"),
        (-62_167_219_200_000, "0000-01-01T00:00:00.000Z"),
        (253_402_214_400_000, "9999-12-31T00:00:00.000Z"),
        (253_402_300_800_000, "+010000-01-01T00:00:00.000Z"),
    ] {
        let mut text = String::new();
        push_date(&mut text, millis);
        assert_eq!(text, format!("\"{iso}\""));
    }
}

#[test]
fn an_attachment_is_sent_once() {
    let attachments = [Bytes::from_static(b"abc")];
    let twice = r#"[{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]"#;
    // The second one is written as an object.
    let once = r#"[{"_placeholder":true,"num":0},{"\u005fplaceholder":true,"num":0}]"#;
    assert_eq!(there_and_back(twice, &attachments), (once.into(), attachments.to_vec()));
    let many = format!("[{}]", vec![r#"{"_placeholder":true,"num":0}"#; 10_000].join(","));
    let big = [Bytes::from(vec![0; 100_000])];
    assert!(encode(2, "/", None, Some(&many), &big).len() < 600_000);
    // The content of a placeholder is left out with it.
    let odd = r#"[{"a":[[1],{"_placeholder":true,"num":0}],"_placeholder":true,"num":0,"b":{}},[2,{}]]"#;
    assert_eq!(there_and_back(odd, &attachments).0, r#"[{"_placeholder":true,"num":0},[2,{}]]"#);
    // Without an attachment they are ordinary objects.
    let encoded = encode(2, "/", None, Some(r#"[{"_placeholder":true,"num":0}]"#), &[]);
    assert_eq!(encoded, hex("83a47479706502a4646174619182ac5f706c616365686f6c646572c3a36e756d00a36e7370a12f"));
}

#[test]
fn what_looks_like_a_placeholder_is_data() {
    let own = "82 ac5f706c616365686f6c646572 c3 a36e756d 00";
    let (json, count) = data(&format!("92{own}c401aa")).expect("an array");
    assert_eq!((&*json, count), (r#"[{"\u005fplaceholder":true,"num":0},{"_placeholder":true,"num":0}]"#, 1));
    assert!(!json::placeholders_fit(r#"[{"\u005fplaceholder":true,"num":1}]"#, 1), "elsewhere they are the same");
    let bytes = encode(2, "/", None, Some(&json), &[Bytes::from_static(&[0xaa])]);
    assert_eq!(decode(&bytes, &LIMITS).map(|again| again.data), Ok(Some(json)));
}

#[test]
fn keys_are_strings_or_integers() {
    assert_eq!(json("83 a161 01 05 02 ff 03"), Ok(r#"{"a":1,"5":2,"-1":3}"#.into()));
    for key in ["c0", "c3", "cb3ff8000000000000", "90", "80", "c400", "d40000", "d7000000000000000000"] {
        assert_eq!(json(&format!("81 {key} 01")), Err(Error::Type), "{key}");
    }
}

#[test]
fn extensions_of_others_are_refused() {
    for extension in [
        "d40100",
        "d4ff00",
        "d5000000",
        "d60000000000",
        "d6ff00000000",
        "d7ff0000000000000000",
        "d800 00000000 00000000 00000000 00000000",
        "c70101 00",
        "c80001ff 00",
        "c90000000101 00",
        "c1",
    ] {
        assert_eq!(json(extension), Err(Error::Type), "{extension}");
    }
    assert_eq!(data("93 c70000 c8000100aa c90000000100aa").map(|(_, attachments)| attachments), Ok(3));
}

#[test]
fn members_are_what_they_must_be() {
    let decode = |digits: &str| decode(&hex(digits), &LIMITS);
    let (kind, nsp) = ("a474797065 02", "a36e7370 a12f");
    assert!(decode(&format!("82{kind}{nsp}")).is_ok());
    for (message, error) in [
        ("", Error::Truncated),
        ("02", Error::Shape),
        ("90", Error::Shape),
        ("80", Error::Shape),
        (&format!("81{kind}"), Error::Shape),
        (&format!("81{nsp}"), Error::Shape),
        (&format!("82 a474797065 05 {nsp}"), Error::Shape),
        (&format!("82 a474797065 ff {nsp}"), Error::Shape),
        (&format!("82 a474797065 c0 {nsp}"), Error::Shape),
        (&format!("82 a474797065 cd0102 {nsp}"), Error::Shape),
        (&format!("82 a474797065 a132 {nsp}"), Error::Shape),
        (&format!("82 a474797065 cb4000000000000000 {nsp}"), Error::Shape),
        (&format!("82 {kind} a36e7370 a0"), Error::Shape),
        (&format!("82 {kind} a36e7370 a178"), Error::Shape),
        (&format!("82 {kind} a36e7370 c0"), Error::Shape),
        (&format!("82 {kind} a36e7370 c4012f"), Error::Shape),
        (&format!("82 {kind} a36e7370 a22fff"), Error::Utf8),
        (&format!("83 {kind}{nsp} a26964 ff"), Error::Shape),
        (&format!("83 {kind}{nsp} a26964 a131"), Error::Shape),
        (&format!("83 {kind}{nsp} a26964 cb3ff8000000000000"), Error::Shape),
        // As a placeholder it would be an object, and that of a CONNECT its credentials.
        (&format!("83 {kind}{nsp} a464617461 c40100"), Error::Shape),
        (&format!("83 {kind}{nsp} a464617461 c7010000"), Error::Shape),
        (&format!("83 {kind}{nsp} c0 c0"), Error::Type),
        (&format!("82 {kind}{nsp} c0"), Error::Trailing),
        (&format!("83 {kind}{nsp}"), Error::Truncated),
    ] {
        assert_eq!(decode(message), Err(error), "{message}");
    }
    // There are three ways to leave out an id.
    for id in ["c0", "d40000"] {
        assert_eq!(decode(&format!("83 {kind}{nsp} a26964 {id}")).unwrap().id, None);
    }
    assert_eq!(decode(&format!("83 {kind}{nsp} a26964 cfffffffffffffffff")).unwrap().id, Some(u64::MAX));
    // Unknown members are skipped, whatever they contain.
    let unknown = "a178 92 82 c0 91c403010203 90 80 dc0001 c7020500 00";
    assert!(decode(&format!("83 {kind} {unknown} {nsp}")).is_err_and(|error| error == Error::Type));
    let unknown = "a178 92 82 c0 91c403010203 90 80 dc0001 de0001 ca00000000 cb0000000000000000";
    assert!(decode(&format!("84 {kind} {unknown} 07 c0 {nsp}")).is_ok());
    // The last one counts.
    let twice = decode(&format!(
        "88 {kind}{nsp} a26964 01 a464617461 91c40101 a474797065 03 a36e7370 a22f78 a26964 c0 a464617461 91c40102"
    ));
    let expected = Decoded {
        kind: 3,
        nsp: "/x".into(),
        id: None,
        data: Some(r#"[{"_placeholder":true,"num":0}]"#.into()),
        attachments: vec![Bytes::from_static(&[2])],
    };
    assert_eq!(twice, Ok(expected));
}

#[test]
fn eleven_attachments_are_one_too_many() {
    let bins = |count| format!("dc{count:04x}{}", "c401aa".repeat(count));
    assert_eq!(data(&bins(10)).map(|(_, attachments)| attachments), Ok(10));
    assert_eq!(json(&bins(11)), Err(Error::Attachments));
}

#[test]
fn depth_is_limited_and_costs_no_stack() {
    let deep = |levels| format!("{}c0", "91".repeat(levels));
    assert!(json(&deep(32)).is_ok());
    assert_eq!(json(&deep(33)), Err(Error::Depth));
    assert_eq!(json(&deep(1_000_000)), Err(Error::Depth));
    assert_eq!(json(&format!("{}90", "91".repeat(32))), Err(Error::Depth));
    assert_eq!(json(&format!("{}c0", "81a161".repeat(33))), Err(Error::Depth));

    let bytes = hex(&format!("83 a474797065 02 a464617461 {} a36e7370 a12f", deep(1_000_000)));
    let decoded = decode(&bytes, &Limits { max_depth: usize::MAX, max_attachments: 0 }).unwrap();
    assert_eq!(encode(2, "/", None, decoded.data.as_deref(), &[]), bytes);
    // Nor does what is skipped.
    let unknown = hex(&format!("83 a474797065 02 a178 {} a36e7370 a12f", deep(1_000_000)));
    assert!(decode(&unknown, &LIMITS).is_ok());
}

#[test]
fn lengths_are_claims() {
    for claim in
        ["ddffffffff", "dfffffffff", "dbffffffff", "c6ffffffff", "c9ffffffff00", "dcffff", "deffff", "d9ff", "9f"]
    {
        // As the whole message, as data, and in a skipped member.
        assert_eq!(decode(&hex(claim), &LIMITS), Err(Error::Truncated), "{claim}");
        assert_eq!(data(claim), Err(Error::Truncated), "{claim}");
        assert_eq!(decode(&hex(&format!("81a178{claim}")), &LIMITS), Err(Error::Truncated), "{claim}");
    }
    // Many lengths, each of which could be true alone.
    let claims = "dd000000ff".repeat(60);
    assert_eq!(decode(&hex(&format!("81a178{claims}")), &LIMITS), Err(Error::Truncated));
}

#[test]
fn no_beginning_is_a_packet() {
    for (digits, ..) in NOTEPACK_WROTE {
        let bytes = hex(digits);
        for end in 0..bytes.len() {
            assert_eq!(decode(&bytes[..end], &LIMITS), Err(Error::Truncated), "{digits} to {end}");
        }
    }
}

/// Random changes: whatever is still a packet has valid JSON data, and survives another round trip.
#[test]
fn damage_is_no_danger() {
    let seed = 20_240_229;
    let mut random = fastrand::Rng::with_seed(seed);
    let mut survivors = 0;
    for round in 0..20_000 {
        let mut bytes = hex(random.choice(NOTEPACK_WROTE).unwrap().0);
        for _ in 0..random.usize(1..4) {
            let at = random.usize(..bytes.len());
            bytes[at] = random.u8(..);
        }
        let Ok(decoded) = decode(&bytes, &LIMITS) else { continue };
        let Some(data) = decoded.data else { continue };
        survivors += 1;
        assert!(serde_json::from_str::<Tree>(&data).is_ok(), "seed {seed}, round {round}: {data}");
        assert!(json::placeholders_fit(&data, decoded.attachments.len()), "seed {seed}, round {round}: {data}");
        assert!(data.len() <= 6 * bytes.len() + 40 * decoded.attachments.len());
        assert_eq!(there_and_back(&data, &decoded.attachments).0, data, "seed {seed}, round {round}");
    }
    assert!(survivors > 1_000, "{survivors}");
}
