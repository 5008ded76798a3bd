//! Headers that do harm, as a client would write them that knows nothing of us.

use std::fmt::Write;

use occamy_runtime::conformance::Hostility;

/// The field `headers`, in one way or several.
pub(crate) fn headers(hostility: Hostility) -> Vec<Vec<u8>> {
    let text = match hostility {
        Hostility::WrongTypes => {
            let other =
                ["task-id: occamy:int:7", "handler-id: occamy:null", "occamy-attempt: occamy:bytes:ff"];
            let broken = ["task-id: occamy:list:[", "no colon", ": occamy:int:x"];
            return [&other[..], &broken[..1], &broken[1..2], &broken[2..]]
                .map(|it| it.join("\n").into())
                .into();
        }
        Hostility::LongValue => format!("long: {}", "x".repeat(16 << 20)),
        Hostility::InvalidUtf8 => return vec![b"by\xfftes: \xff\xfe\n\xff: \n".to_vec()],
        Hostility::Nesting => format!("deep: occamy:{}null{}", "list:[".repeat(500), "]".repeat(500)),
        Hostility::ManyKeys => (0..5_000).fold(String::new(), |mut lines, key| {
            let _ = writeln!(lines, "{key}: occamy:int:{key}");
            lines
        }),
        Hostility::BareCr => "line: a\rb\r\n\r: x".to_owned(),
        _ => return Vec::new(),
    };
    vec![text.into()]
}
