//! The same work done by both sides, function by function: [`ours`] and [`theirs`] have the same names for it, and
//! [`inputs`] is what they work on. Measures nothing; that both come to the same is tested here, `benches/codecs.rs` takes
//! the time.
//!
//! | work | from | to |
//! |---|---|---|
//! | `event` | the text of a WebSocket message | an event: its name, and its arguments as JSON that is checked |
//! | `typed` | the same | the same, and the arguments as the application's own type |
//! | `binary_event` | a text message and a binary one | an event with its attachment |
//! | `packets` | the body of a POST | Engine.IO packets |
//! | `events` | the body of a POST | events |
//! | `encode_event` | a name and a value of the application's | the text of a WebSocket message, as a queue holds it |
//! | `encode_binary_event` | the same, and bytes | the same, and a binary one |
//! | `encode_packets` | encoded events | the body that answers a poll |

pub mod inputs;
pub mod ours;
pub mod theirs;

#[cfg(test)]
mod tests {
    use super::inputs::{self, Message, NAME};
    use super::{ours, theirs};
    use bytes::Bytes;
    use sanket::Revision;
    use sanket::driver::{Frame, WsMessage};
    use socketioxide_core::packet::PacketData;

    #[test]
    fn both_decode_the_same_events() {
        let (ours, theirs) = (ours::Side::default(), theirs::Side::default());
        for size in [64, 1 << 10, 64 << 10] {
            let messages = inputs::messages(size);
            let text = inputs::text(&messages);
            assert_eq!(text.len(), size);
            let shared = theirs::shared(&text);
            let args = &text["42".len()..];
            ours.event(&text, |name, all| assert_eq!((name, all), (&*format!("\"{NAME}\""), args)));
            theirs.event(&shared, |name, all| assert_eq!((name, all), (NAME, args)));
            assert_eq!(ours.typed::<Vec<Message>>(&text), messages);
            assert_eq!(theirs.typed::<Vec<Message>>(&shared), messages);
        }
    }

    #[test]
    fn both_decode_the_same_binary_event() {
        let (mut ours, theirs) = (ours::Side::default(), theirs::Side::default());
        let (text, data) = (inputs::PICTURE, inputs::picture(64).data);
        let args = &text["451-".len()..];
        let received = ours.binary_event(text, &data);
        assert_eq!((&*received.name(), received.json(), received.attachments()), (NAME, args, &[data.clone()][..]));
        ours.binary_event_codec(text, &data, |name, all, attachments| {
            assert_eq!((name, all, attachments), (&*format!("\"{NAME}\""), args, &[data.clone()][..]));
        });
        match theirs.binary_event(&theirs::shared(text), &data).inner {
            PacketData::BinaryEvent(socketioxide_core::Value::Str(text, Some(attachments)), None) => {
                assert_eq!((text.as_str(), attachments.as_slices().0), (args, &[data][..]));
            }
            other => panic!("no event: {other:?}"),
        }
    }

    #[test]
    fn both_encode_the_same() {
        let (mut ours, theirs) = (ours::Side::default(), theirs::Side::default());
        let text = |text: &str| WsMessage::Text(Bytes::copy_from_slice(text.as_bytes()));
        let sent = |frame: &Frame| frame.messages(Revision::V4).collect::<Vec<_>>();
        for size in [64, 1 << 10] {
            let messages = inputs::messages(size);
            assert_eq!(sent(&ours.encode_event(&messages)), [text(&inputs::text(&messages))]);
            assert_eq!(sent(&ours.emit_event(&messages)), [text(&inputs::text(&messages))]);
            assert_eq!(theirs.encode_event(&messages), inputs::text(&messages));
        }
        let picture = inputs::picture(64);
        let wanted = [text(inputs::PICTURE), WsMessage::Binary(picture.data.clone())];
        assert_eq!(sent(&ours.encode_binary_event(&picture)), wanted);
        assert_eq!(theirs.encode_binary_event(&picture), (inputs::PICTURE.into(), picture.data));
    }

    #[test]
    fn both_do_the_same_with_payloads() {
        let (ours, theirs) = (ours::Side::default(), theirs::Side::default());
        let sixteen = inputs::sixteen();
        for (revision, body) in [(Revision::V4, inputs::body_v4(&sixteen)), (Revision::V3, inputs::body_v3(&sixteen))] {
            assert_eq!(ours.encode_packets(revision, &ours::queued(&sixteen)), body);
            assert_eq!(theirs.encode_packets(revision, &theirs::queued(&sixteen)), body);
            let (mut packets, mut others) = (Vec::new(), Vec::new());
            ours.packets(revision, &body, |text| packets.push(format!("4{text}")));
            theirs.packets(revision, &body, |text| others.push(format!("4{text}")));
            assert_eq!((&packets, &others), (&sixteen, &sixteen));
            let (mut events, mut others) = (Vec::new(), Vec::new());
            ours.events(revision, &body, |_, args| events.push(format!("42{args}")));
            theirs.events(revision, &body, |_, args| others.push(format!("42{args}")));
            assert_eq!((&events, &others), (&sixteen, &sixteen));
        }
    }
}
