//! Encodes JSON as MessagePack, in two passes: the length of a container comes before its content.

use crate::socket::json::{self, Open, Token, Tokens};
use alloc::vec::Vec;
use bytes::Bytes;
use rmp::encode as write;
use rmp::encode::ByteBuf;

/// Encodes a packet. `data` is JSON that has been checked. The attachment of a placeholder is written in its place, but
/// only once: otherwise few bytes of JSON could become many. Another placeholder for the same attachment, or one
/// without an attachment, is written as an object.
pub(crate) fn encode(kind: u8, nsp: &str, id: Option<u64>, data: Option<&str>, attachments: &[Bytes]) -> Vec<u8> {
    let binary: usize = attachments.iter().map(Bytes::len).sum();
    let mut out = Writer(ByteBuf::with_capacity(nsp.len() + data.map_or(0, str::len) + binary + 48));
    out.map(2 + u32::from(data.is_some()) + u32::from(id.is_some()));
    out.string("type");
    out.unsigned(kind.into());
    if let Some(data) = data {
        out.string("data");
        out.json(data, attachments);
    }
    out.string("nsp");
    out.string(nsp);
    if let Some(id) = id {
        out.string("id");
        out.unsigned(id);
    }
    out.0.into_vec()
}

/// What has to be known of a container before it is written.
#[derive(Clone, Copy, Debug, Default)]
struct Container {
    /// The number of its elements or members.
    count: u32,
    /// The attachment that it stands for.
    attachment: Option<u32>,
}

/// Finds the containers in JSON, in the order in which they begin.
fn containers(json: &str, attachments: usize) -> Vec<Container> {
    let mut containers: Vec<Container> = Vec::new();
    // The open containers, and their indexes in the list.
    let mut open: Vec<(usize, Open)> = Vec::new();
    for token in Tokens::new(json) {
        let is_end = matches!(token, Token::EndArray | Token::EndObject);
        if let Some((index, around)) = open.last_mut() {
            // A key with an escape is the client's own, see `decode`.
            let own = matches!(token, Token::Key(key) if key.contains('\\'));
            around.read(if own { &Token::Key("\"\"") } else { &token });
            if !is_end
                && !matches!(token, Token::Key(_))
                && let Some(container) = containers.get_mut(*index)
            {
                container.count += 1;
            }
        }
        if matches!(token, Token::BeginArray | Token::BeginObject) {
            open.push((containers.len(), Open::default()));
            containers.push(Container::default());
        }
        if is_end
            && let Some((index, closed)) = open.pop()
            && let Some(container) = containers.get_mut(index)
        {
            container.attachment = closed.attachment(attachments).and_then(|num| u32::try_from(num).ok());
        }
    }
    containers
}

/// Writing to memory does not fail.
struct Writer(ByteBuf);

impl Writer {
    fn json(&mut self, json: &str, attachments: &[Bytes]) {
        let mut containers = containers(json, attachments.len()).into_iter();
        let mut unsent: Vec<Option<&Bytes>> = attachments.iter().map(Some).collect();
        // The number of open containers inside of a placeholder that is written as its attachment.
        let mut replaced = 0_usize;
        for token in Tokens::new(json) {
            match token {
                Token::BeginArray | Token::BeginObject => {
                    let container = containers.next().unwrap_or_default();
                    let index = container.attachment.and_then(|num| usize::try_from(num).ok());
                    if replaced > 0 {
                        replaced += 1;
                    } else if let Some(data) = index.and_then(|index| unsent.get_mut(index)?.take()) {
                        self.binary(data);
                        replaced = 1;
                    } else if token == Token::BeginArray {
                        self.array(container.count);
                    } else {
                        self.map(container.count);
                    }
                }
                Token::EndArray | Token::EndObject => replaced = replaced.saturating_sub(1),
                _ if replaced > 0 => {}
                Token::Key(string) | Token::String(string) => self.json_string(json::inside(string)),
                Token::Number(number) => self.number(number),
                Token::True => self.bool(true),
                Token::False => self.bool(false),
                Token::Null => self.null(),
            }
        }
    }

    fn array(&mut self, elements: u32) {
        let _ = write::write_array_len(&mut self.0, elements);
    }

    fn map(&mut self, members: u32) {
        let _ = write::write_map_len(&mut self.0, members);
    }

    fn null(&mut self) {
        let _ = write::write_nil(&mut self.0);
    }

    fn bool(&mut self, value: bool) {
        let _ = write::write_bool(&mut self.0, value);
    }

    fn string(&mut self, string: &str) {
        let _ = write::write_str(&mut self.0, string);
    }

    fn unsigned(&mut self, number: u64) {
        let _ = write::write_uint(&mut self.0, number);
    }

    fn binary(&mut self, data: &[u8]) {
        let _ = write::write_bin(&mut self.0, data);
    }

    /// A string, given as in JSON between its quotes.
    fn json_string(&mut self, inside: &str) {
        if !inside.contains('\\') {
            self.string(inside);
            return;
        }
        let unescaped = json::unescape(inside).map(char::len_utf8).sum();
        let _ = write::write_str_len(&mut self.0, length(unescaped));
        let mut buffer = [0; 4];
        for c in json::unescape(inside) {
            self.0.as_mut_vec().extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
        }
    }

    /// Integers keep 64 bits. Other numbers become what JavaScript would read.
    fn number(&mut self, number: &str) {
        if let Ok(unsigned) = number.parse() {
            self.unsigned(unsigned);
        } else if let Ok(signed) = number.parse() {
            let _ = write::write_sint(&mut self.0, signed);
        } else {
            let _ = write::write_f64(&mut self.0, number.parse().unwrap_or(f64::NAN));
        }
    }
}

/// A length. Nothing that is encoded has 4 GiB.
fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
