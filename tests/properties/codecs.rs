//! The codecs with generated input: what is encoded can be decoded, what is accepted is a fixed point, and lengths of
//! both revisions agree with JavaScript's.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use sanket::Revision;
use sanket::codec::{BodyKind, Packet, PacketData, PayloadError, decode_payload};
use sanket::driver::{Batch, Frame, Outgoing};
use sanket_tests::fuzz;
use std::collections::BTreeSet;

fn revisions() -> impl Strategy<Value = Revision> {
    prop_oneof![Just(Revision::V3), Just(Revision::V4)]
}

/// Text as JSON can hold it: any character but the separator, which JSON escapes.
fn texts() -> impl Strategy<Value = String> {
    vec(prop_oneof![any::<char>(), prop::char::range('a', 'z'), Just('😀'), Just('é')], 0..40)
        .prop_map(|chars| chars.into_iter().filter(|c| *c != '\x1e').collect())
}

fn frames() -> impl Strategy<Value = Vec<(String, Vec<Vec<u8>>)>> {
    vec((texts(), vec(vec(any::<u8>(), 0..20), 0..3)), 1..8)
}

/// JSON as clients write it and as they do not: an array with a name first.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("false".to_owned()),
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,5})?([eE][+-]?[0-9]{1,3})?",
        "\"([a-zé😀 \\[\\]{},:]|\\\\[\"\\\\/bfnrt]|\\\\u[0-9a-fA-F]{4}){0,40}\"",
    ];
    let space = "[ \n\r\t]{0,2}";
    let value = leaf.prop_recursive(80, 100, 4, move |inner| {
        prop_oneof![
            (vec(inner.clone(), 0..4), space).prop_map(|(all, space)| format!("[{space}{}]", all.join(","))),
            (vec(("[a-z_]{0,20}", inner), 0..4), space).prop_map(|(all, space)| {
                let members: Vec<_> =
                    all.iter().map(|(key, value)| format!("\"{key}\"{space}:{space}{value}")).collect();
                format!("{{{}{space}}}", members.join(&format!("{space},")))
            }),
        ]
    });
    vec(value, 0..3).prop_map(|args| format!("[\"a\"{}]", args.iter().map(|arg| format!(",{arg}")).collect::<String>()))
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(frames in frames(), revision in revisions(), base64 in any::<bool>()) {
        let outgoing = frames.iter().map(|(text, data)| {
            let data: Vec<Bytes> = data.iter().map(|bytes| Bytes::copy_from_slice(bytes)).collect();
            Outgoing::Frame(Frame::new(format!("4{text}"), &data))
        });
        let (kind, body) = Batch::new(outgoing.collect(), revision, base64).encode();
        let decoded: Result<Vec<_>, _> = decode_payload(revision, kind, &body, usize::MAX).collect();
        let mut wanted = Vec::new();
        for (text, data) in &frames {
            wanted.push(Packet::Message(PacketData::Text(text)));
            wanted.extend(data.iter().map(|bytes| Packet::Message(PacketData::Binary(bytes.into()))));
        }
        prop_assert_eq!(decoded, Ok(wanted));
        prop_assert!(kind == BodyKind::Text || (revision == Revision::V3 && !base64));
    }

    #[test]
    fn a_v3_length_that_is_wrong_by_any_amount_is_refused(text in texts(), wrong in 0_usize..60) {
        let packet = format!("4{text}");
        let right = packet.encode_utf16().count();
        prop_assume!(wrong != right && wrong > 0);
        let body = format!("{wrong}:{packet}");
        let decoded: Result<Vec<_>, _> = decode_payload(Revision::V3, BodyKind::Text, body.as_bytes(), 100).collect();
        // Too long never fits; too short leaves a rest that would have to be a payload by itself.
        prop_assert!(decoded.is_err() || (wrong < right && packet.contains(':')));
        if wrong > right {
            prop_assert_eq!(decoded, Err(PayloadError::Length));
        }
    }

    #[test]
    fn any_body(data in vec(any::<u8>(), 0..200)) {
        fuzz::payload_v3(&data);
        fuzz::payload_v4(&data);
        fuzz::engine_packet(&data);
        fuzz::jsonp(&data);
        fuzz::msgpack(&data);
    }

    #[test]
    fn any_body_of_likely_characters(head in 0_u8..4, text in "[0-6b:\\x1e=AQ\"\\[\\]é😀\\x00\\x01-]{0,60}") {
        let mut data = vec![head];
        data.extend(text.bytes());
        fuzz::payload_v3(&data);
        fuzz::payload_v4(text.as_bytes());
    }

    #[test]
    fn any_packet_of_likely_characters(text in "[0-6]?([0-9]{1,3}-)?(/[a-z?=]{0,3},)?[0-9]{0,3}[\\[\\]\"{}a,0-9:]{0,20}") {
        fuzz::packet(text.as_bytes());
    }

    #[test]
    fn any_json(json in json(), place in any::<prop::sample::Index>(), other in "[\\[\\]{},:\"\\\\ -.0-9a-z\\x00-\\x1fé]?") {
        fuzz::packet(format!("2{json}").as_bytes());
        // A character too many, or another one, or one too few.
        let place = place.index(json.chars().count());
        for skip in [0, 1] {
            let changed: String = json.chars().take(place).chain(other.chars()).chain(json.chars().skip(place + skip)).collect();
            fuzz::packet(format!("2{changed}").as_bytes());
        }
    }

    #[test]
    fn any_request(data in vec(any::<u8>(), 0..100), eio in "(&EIO=[0-9]?)?", transport in "(&transport=(polling|websocket)?)?") {
        fuzz::request(&data);
        fuzz::request(&[data, eio.into_bytes(), transport.into_bytes()].concat());
    }
}

/// A length may have zeros before it, and is of ten digits at most.
#[test]
fn a_v3_length_has_one_to_ten_digits_in_either_form() {
    for digits in 0..13 {
        let length = if digits == 0 { String::new() } else { format!("{:0digits$}", 2) };
        let text = format!("{length}:4a{length}:4b");
        let binary = ["4a", "4b"].map(|packet| {
            let digits: Vec<u8> = length.bytes().map(|digit| digit - b'0').collect();
            [&[0][..], &digits, &[0xff], packet.as_bytes()].concat()
        });
        let wanted = ["a", "b"].map(|text| Packet::Message(PacketData::Text(text))).to_vec();
        for (kind, body) in [(BodyKind::Text, text.as_bytes()), (BodyKind::Binary, &binary.concat())] {
            let decoded: Result<Vec<_>, _> = decode_payload(Revision::V3, kind, body, 100).collect();
            let wanted = if (1..=10).contains(&digits) { Ok(wanted.clone()) } else { Err(PayloadError::Length) };
            assert_eq!(decoded, wanted, "{digits} digits, {kind:?}");
        }
    }
}

#[test]
fn every_error_in_a_payload_has_words_of_its_own() {
    use PayloadError::{Empty, Length, NotUtf8, TooManyPackets, UnexpectedBinary};
    let texts = [Empty, Length, NotUtf8, TooManyPackets, UnexpectedBinary].map(|error| error.to_string());
    assert!(texts.iter().all(|text| !text.is_empty()));
    assert_eq!(texts.iter().collect::<BTreeSet<_>>().len(), texts.len(), "{texts:?}");
}
