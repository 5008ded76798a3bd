//! Headers that no publisher of ours would send.

use occamy_runtime::conformance::Hostility;
use rdkafka::message::{Header, OwnedHeaders};

/// What the node takes of a record beside everything else.
const ROOM: usize = 900_000;

/// The headers, or `None` for a kind that this knows nothing of.
pub(crate) fn headers(hostility: Hostility) -> Option<OwnedHeaders> {
    let add =
        |headers: OwnedHeaders, key: &str, value: &[u8]| headers.insert(Header { key, value: Some(value) });
    let none = OwnedHeaders::new();
    Some(match hostility {
        Hostility::WrongTypes => {
            let wrong: [(&str, &[u8]); 5] = [
                ("task-id", b"occamy:int:7"),
                ("handler-id", b"occamy:bool:true"),
                ("X-Request-ID", b"occamy:list:[int:1]"),
                ("occamy-attempt", b"first"),
                ("number", b"occamy:int:seven"),
            ];
            wrong.into_iter().fold(none, |headers, (key, value)| add(headers, key, value))
        }
        Hostility::LongValue => add(none, "long", &vec![b'x'; ROOM]),
        Hostility::InvalidUtf8 => add(none, "bytes", b"\xff\xfe"),
        Hostility::Nesting => {
            let value = format!("occamy:{}null{}", "list:[".repeat(500), "]".repeat(500));
            add(none, "deep", value.as_bytes())
        }
        Hostility::ManyKeys => {
            (0..5_000).fold(none, |headers, key: u32| add(headers, &format!("key-{key}"), b"occamy:int:1"))
        }
        Hostility::BareCr => add(none, "line", b"a\rb"),
        _ => return None,
    })
}
