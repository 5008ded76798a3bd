//! Headers that no publisher of ours would send.

use lapin::types::{AMQPValue, FieldArray, FieldTable, LongString};
use occamy_runtime::conformance::Hostility;

/// What fits into a frame beside everything else.
const ROOM: usize = 120_000;

/// The headers, or `None` for a kind that this knows nothing of.
pub(crate) fn headers(hostility: Hostility) -> Option<FieldTable> {
    let mut headers = FieldTable::default();
    let mut add = |name: &str, value| {
        headers.insert(name.into(), value);
    };
    match hostility {
        Hostility::WrongTypes => {
            add("task-id", AMQPValue::LongInt(7));
            add("handler-id", AMQPValue::Boolean(true));
            add("X-Request-ID", AMQPValue::FieldArray(FieldArray::default()));
            add("occamy-attempt", text("first"));
            add("x-delivery-count", text("many"));
            add("number", text("occamy:int:seven"));
        }
        Hostility::LongValue => add("long", text(&"x".repeat(ROOM))),
        Hostility::InvalidUtf8 => add("bytes", AMQPValue::LongString(LongString::from(vec![0xff, 0xfe]))),
        Hostility::Nesting => {
            let mut deep = AMQPValue::Void;
            for _ in 0..500 {
                let mut table = FieldTable::default();
                table.insert("deeper".into(), deep);
                deep = AMQPValue::FieldTable(table);
            }
            add("deep", deep);
        }
        Hostility::ManyKeys => {
            (0..5_000).for_each(|key: u32| add(&format!("key-{key}"), AMQPValue::LongUInt(key)));
        }
        Hostility::BareCr => add("line", text("a\rb")),
        _ => return None,
    }
    Some(headers)
}

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}
